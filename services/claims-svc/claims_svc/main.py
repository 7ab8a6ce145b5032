"""claims-svc put together."""

from fastapi import FastAPI

from claims_svc import watch
from claims_svc.accounts import api as accounts
from claims_svc.adjudication import api as adjudication
from claims_svc.audit import api as audit
from claims_svc.claims import api as claims
from claims_svc.claims import lists_api
from claims_svc.claims.handlers import handlers_of as claim_handlers
from claims_svc.illnesses import api as illnesses
from claims_svc.ledger import api as ledger
from claims_svc.members import store as members
from claims_svc.notices import api as notices
from claims_svc.papers import api as papers
from claims_svc.papers import forms_api as forms
from claims_svc.payouts import api as payouts
from claims_svc.payouts import bank_api, returns_api
from claims_svc.payouts import handlers as payout_handlers
from claims_svc.personal import PersonalData
from claims_svc.reconciliation import api as reconciliation
from claims_svc.service import ClaimsService
from claims_svc.settings import ClaimsSettings
from claims_svc.statistics import api as statistics
from unioncard.auth import TokenCheck, jwks_from
from unioncard.background import closing, watching
from unioncard.contracts.members import MembersChanged, OrganisationsChanged
from unioncard.contracts.payees import PayeesTold
from unioncard.member_copies import follow_members
from unioncard.messaging.handling import Handlers
from unioncard.organisations import follow_organisations
from unioncard.paper_store import PaperStore
from unioncard.partner_client import PartnerClient
from unioncard.service import Context, Parts, lifespan_of
from unioncard.web.app import make_app

ROUTERS = (
    # before the pages of single claims, whose numbers would swallow its paths
    lists_api,
    claims,
    papers,
    forms,
    adjudication,
    illnesses,
    accounts,
    payouts,
    returns_api,
    ledger,
    statistics,
    bank_api,
    notices,
    audit,
    reconciliation,
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
    client = PartnerClient(settings.partner_timeout_s)
    return Parts(
        tokens=TokenCheck(jwks_from(settings.member_url)),
        handlers=Handlers(
            events={
                OrganisationsChanged: follow_organisations,
                MembersChanged: follow_members(personal, members.upsert),
                PayeesTold: payout_handlers.follow_payees(personal),
            },
            commands={**claim_handlers(settings, personal), **payout_handlers.HANDLERS},
        ),
        partners={payout_handlers.PARTNER: payout_handlers.operations(context, settings, personal, client)},
        background=(closing(client), watching(context, watch.measure)),
    )
