"""claims-svc put together."""

from fastapi import FastAPI

from claims_svc.audit import api as audit
from claims_svc.members import store as members
from claims_svc.notices import api as notices
from claims_svc.personal import PersonalData
from claims_svc.service import ClaimsService
from claims_svc.settings import ClaimsSettings
from unioncard.auth import TokenCheck, jwks_from
from unioncard.contracts.members import MembersChanged, OrganisationsChanged
from unioncard.member_copies import follow_members
from unioncard.messaging.handling import Handlers
from unioncard.organisations import follow_organisations
from unioncard.paper_store import PaperStore
from unioncard.service import Context, Parts, lifespan_of
from unioncard.web.app import make_app

ROUTERS = (
    notices,
    audit,
)


def create_app(context: Context, settings: ClaimsSettings) -> FastAPI:
    """The application; while it runs, so do its consumer, its relay and the callers of its partners."""
    personal = PersonalData(context.keys)
    service = ClaimsService(context, settings, personal, PaperStore(settings.object_store))
    app = make_app(
        "claims-svc",
        "会员专享基本保障给付：申请、材料、盖章、审核、划款",
        lifespan_of(context, lambda running: parts_of(running, settings, personal)),
    )
    app.state.service = service
    for room in ROUTERS:
        app.include_router(room.router)
    return app


def parts_of(context: Context, settings: ClaimsSettings, personal: PersonalData) -> Parts:
    """What the service listens to and whom it calls."""
    return Parts(
        tokens=TokenCheck(jwks_from(settings.member_url)),
        handlers=Handlers(
            events={
                OrganisationsChanged: follow_organisations,
                MembersChanged: follow_members(personal, members.upsert),
            },
            commands={},
        ),
    )
