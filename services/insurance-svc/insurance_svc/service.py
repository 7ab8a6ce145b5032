"""What this service's endpoints and handlers share."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.enrolments.gathering import Gathering
from insurance_svc.metadata import ORGANISATIONS
from insurance_svc.personal import PersonalData
from insurance_svc.settings import InsuranceSettings
from unioncard.auth import Principal, Role, Scope, scope_of
from unioncard.paper_store import NoScanner, PaperStore, Scanner
from unioncard.service import Context

# A union's operators submit lists, a district's review and pay, the centre reviews and takes the money, the
# federation sets the rules; those above look on.
OPERATOR = (Role.UNION,)
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
class InsuranceService:
    """Context, settings, encryption, the store of papers, and who writes lists together; at ``app.state.service``."""

    context: Context
    settings: InsuranceSettings
    personal: PersonalData
    papers: PaperStore
    gathering: Gathering
    scanner: Scanner = field(default_factory=NoScanner)


# Dependencies are coroutines: any other takes a turn in a thread, which costs as much as a statement.
async def _service(request: Request) -> InsuranceService:
    service: InsuranceService = request.app.state.service
    return service


TheService = Annotated[InsuranceService, Depends(_service)]


async def scope(conn: AsyncConnection, principal: Principal) -> Scope:
    """The part of the tree the caller sees at this moment."""
    return await scope_of(conn, ORGANISATIONS, principal)
