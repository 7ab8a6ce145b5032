"""card-svc put together."""

from fastapi import FastAPI

from card_svc.audit import api as audit
from card_svc.bank import api as bank
from card_svc.bank import handlers as bank_handlers
from card_svc.batches import acts, papers, watch
from card_svc.batches import api as batches
from card_svc.batches import handlers as batch_handlers
from card_svc.cardlife import api as cardlife
from card_svc.cardlife import handlers as life_handlers
from card_svc.cards import api as cards
from card_svc.checks import api as checks
from card_svc.checks import handlers as check_handlers
from card_svc.checks import offices
from card_svc.exclusions import handlers as exclusion_handlers
from card_svc.members.handlers import follow_members
from card_svc.notices import api as notices
from card_svc.notices.handlers import notify_batches
from card_svc.outlets import api as outlets
from card_svc.personal import PersonalData
from card_svc.reconciliation import api as reconciliation
from card_svc.service import CardService
from card_svc.settings import CardSettings
from card_svc.todo import api as todo
from unioncard.auth import TokenCheck, jwks_from
from unioncard.background import closing, watching
from unioncard.contracts.cards import CheckChunk, CheckExclusions, FetchBankState, NotifyBatch, SubmitBatch
from unioncard.contracts.members import MembersChanged, OrganisationsChanged
from unioncard.contracts.payees import CheckPayees
from unioncard.holidays import Calendar, seed_rows
from unioncard.messaging.handling import Handlers
from unioncard.organisations import follow_organisations
from unioncard.partner_client import PartnerClient
from unioncard.service import Context, Parts, lifespan_of
from unioncard.web.app import make_app

ROUTERS = (todo, checks, papers, acts, batches, cards, cardlife, outlets, notices, bank, audit, reconciliation)


def create_app(context: Context, settings: CardSettings) -> FastAPI:
    """The application; while it runs, so do its consumer, its relay and the callers of its partners."""
    personal = PersonalData(context.keys)
    app = make_app(
        "card-svc",
        "会员服务卡：待办、校验、批次、银行交换、领卡、用卡",
        lifespan_of(context, lambda running: parts_of(running, settings, personal)),
    )
    app.state.service = CardService(context, settings, personal)
    for room in ROUTERS:
        app.include_router(room.router)
    return app


def parts_of(context: Context, settings: CardSettings, personal: PersonalData) -> Parts:
    """What the service listens to and whom it calls."""
    client = PartnerClient(settings.partner_timeout_s)
    calendar = Calendar(seed_rows())
    return Parts(
        tokens=TokenCheck(jwks_from(settings.member_url)),
        handlers=Handlers(
            events={OrganisationsChanged: follow_organisations, MembersChanged: follow_members(personal)},
            commands={
                CheckChunk: check_handlers.check_chunks,
                CheckExclusions: exclusion_handlers.check_exclusions,
                SubmitBatch: batch_handlers.submit_batches,
                FetchBankState: bank_handlers.fetch_states,
                NotifyBatch: notify_batches,
                CheckPayees: life_handlers.check_payees(personal),
            },
        ),
        partners={
            offices.PARTNER: {
                "check": check_handlers.check_operation(settings, personal, client),
                exclusion_handlers.OPERATION: exclusion_handlers.exclusions_operation(settings, personal, client),
            },
            batch_handlers.PARTNER: {
                "submit": batch_handlers.submit_operation(settings, personal, client, calendar),
                "state": bank_handlers.fetch_operation(settings, personal, client, context.work),
            },
        },
        background=(closing(client), watching(context, watch.measure)),
    )
