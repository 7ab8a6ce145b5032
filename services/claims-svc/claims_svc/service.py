"""What this service's endpoints and handlers share."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.metadata import ORGANISATIONS
from claims_svc.personal import PersonalData
from claims_svc.settings import ClaimsSettings
from unioncard.auth import Principal, Role, Scope, scope_of
from unioncard.paper_store import NoScanner, PaperStore, Scanner
from unioncard.service import Context

# Unions, districts and members file, districts stamp, the centre decides and pays, the federation looks on.
FILERS = (Role.UNION, Role.DISTRICT, Role.MEMBER)
STAMPERS = (Role.UNION, Role.DISTRICT)
DISTRICT = (Role.DISTRICT,)
CENTRE_REVIEWER = (Role.CENTRE_REVIEWER,)
CENTRE_PAYER = (Role.CENTRE_PAYER,)
CENTRE = (Role.CENTRE_REVIEWER, Role.CENTRE_PAYER)
FEDERATION = (Role.FEDERATION,)
VIEWERS = (
    Role.UNION,
    Role.SECOND_LEVEL,
    Role.DISTRICT,
    Role.CENTRE_REVIEWER,
    Role.CENTRE_PAYER,
    Role.FEDERATION,
)
AUDITORS = (Role.FEDERATION,)


@dataclass(frozen=True, slots=True)
class ClaimsService:
    """Context, settings, encryption and the store of papers; at ``app.state.service``."""

    context: Context
    settings: ClaimsSettings
    personal: PersonalData
    papers: PaperStore
    scanner: Scanner = field(default_factory=NoScanner)


# Dependencies are coroutines: any other takes a turn in a thread, which costs as much as a statement.
async def _service(request: Request) -> ClaimsService:
    service: ClaimsService = request.app.state.service
    return service


TheService = Annotated[ClaimsService, Depends(_service)]


async def scope(conn: AsyncConnection, principal: Principal) -> Scope:
    """The part of the tree the caller sees at this moment."""
    return await scope_of(conn, ORGANISATIONS, principal)
