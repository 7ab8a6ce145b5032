"""What this service's endpoints and handlers share."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.metadata import ORGANISATIONS
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.auth import STAFF, Principal, Role, Scope, scope_of
from unioncard.service import Context

# A union's operators act; those above look on; the federation compares.
OPERATOR = (Role.UNION,)
VIEWERS = (Role.UNION, Role.SECOND_LEVEL, Role.DISTRICT, Role.FEDERATION)
SUPERIORS = (Role.SECOND_LEVEL, Role.DISTRICT, Role.FEDERATION)
AUDITORS = (Role.FEDERATION,)
# Who offers something to members: aid centres, unions' facilities, outlets of the bank.
HONOURING = (*STAFF, Role.BANK)


@dataclass(frozen=True, slots=True)
class CardService:
    """Context, settings and encryption; at ``app.state.service``."""

    context: Context
    settings: CardSettings
    personal: PersonalData


# Dependencies are coroutines: any other takes a turn in a thread, which costs as much as a statement.
async def _service(request: Request) -> CardService:
    service: CardService = request.app.state.service
    return service


TheService = Annotated[CardService, Depends(_service)]


async def scope(conn: AsyncConnection, principal: Principal) -> Scope:
    """The part of the tree the caller sees at this moment."""
    return await scope_of(conn, ORGANISATIONS, principal)
