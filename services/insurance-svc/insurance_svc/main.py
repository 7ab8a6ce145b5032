"""insurance-svc put together."""

from fastapi import FastAPI

from insurance_svc import watch
from insurance_svc.audit import api as audit
from insurance_svc.batches import api as batches
from insurance_svc.batches import centre_api, district_api, mail, statistics, vouchers_api
from insurance_svc.batches import handlers as batch_handlers
from insurance_svc.campaigns import api as campaigns
from insurance_svc.campaigns.handlers import HANDLERS as CAMPAIGN_HANDLERS
from insurance_svc.cards.handlers import follow_cards
from insurance_svc.enrolments import api as enrolments
from insurance_svc.enrolments import handlers as enrolment_handlers
from insurance_svc.enrolments import lookups, notice
from insurance_svc.enrolments import personal as personal_enrolments
from insurance_svc.enrolments.gathering import Gathering
from insurance_svc.exclusions import api as exclusions
from insurance_svc.exclusions.handlers import HANDLERS as EXCLUSION_HANDLERS
from insurance_svc.ledger import api as ledger
from insurance_svc.losses import api as losses
from insurance_svc.losses.handlers import follow_payouts
from insurance_svc.members import store as members
from insurance_svc.notices import api as notices
from insurance_svc.payments import statements_api, union_api
from insurance_svc.personal import PersonalData
from insurance_svc.policies import api as policies
from insurance_svc.policies import cover
from insurance_svc.policies.handlers import HANDLERS as COVER_HANDLERS
from insurance_svc.reconciliation import api as reconciliation
from insurance_svc.seasons import api as seasons
from insurance_svc.seasons import changes_api as rule_changes
from insurance_svc.service import InsuranceService
from insurance_svc.settings import InsuranceSettings
from insurance_svc.settlement import api as settlement
from insurance_svc.splits import api as splits
from unioncard.auth import TokenCheck, jwks_from
from unioncard.background import closing, watching
from unioncard.contracts.cards import CardsChanged
from unioncard.contracts.claims import PayoutSettled
from unioncard.contracts.insurance import BatchPersonal, NotifyPremium, SendPaymentDetails, VoidUnpaid
from unioncard.contracts.members import MembersChanged, OrganisationsChanged
from unioncard.member_copies import follow_members
from unioncard.messaging.handling import Handlers
from unioncard.organisations import follow_organisations_with_credit_code
from unioncard.paper_store import PaperStore
from unioncard.partner_client import PartnerClient
from unioncard.service import Context, Parts, lifespan_of
from unioncard.web.app import make_app

ROUTERS = (
    seasons,
    rule_changes,
    campaigns,
    splits,
    notices,
    enrolments,
    notice,
    personal_enrolments,
    lookups,
    policies,
    cover,
    district_api,
    union_api,
    statements_api,
    centre_api,
    vouchers_api,
    ledger,
    settlement,
    losses,
    statistics,
    exclusions,
    batches,
    audit,
    reconciliation,
)


def create_app(context: Context, settings: InsuranceSettings) -> FastAPI:
    """The application; while it runs, so do its consumer, its relay and the callers of its partners."""
    personal = PersonalData(context.keys)
    app = make_app(
        "insurance-svc",
        "会员专享基本保障：费率、日历、参保、缴费、保单",
        lifespan_of(context, lambda running: parts_of(running, settings, personal)),
    )
    gathering = Gathering(context.work, personal, settings.just_issued_days)
    app.state.service = InsuranceService(context, settings, personal, PaperStore(settings.object_store), gathering)
    for room in ROUTERS:
        app.include_router(room.router)
    return app


def parts_of(context: Context, settings: InsuranceSettings, personal: PersonalData) -> Parts:
    """What the service listens to and whom it calls."""
    client = PartnerClient(settings.partner_timeout_s)
    return Parts(
        tokens=TokenCheck(jwks_from(settings.member_url)),
        handlers=Handlers(
            events={
                OrganisationsChanged: follow_organisations_with_credit_code,
                MembersChanged: follow_members(personal, members.upsert),
                CardsChanged: follow_cards,
                PayoutSettled: follow_payouts,
            },
            commands={
                **CAMPAIGN_HANDLERS,
                **EXCLUSION_HANDLERS,
                **COVER_HANDLERS,
                BatchPersonal: enrolment_handlers.batch_personal(personal, settings.instant_payment_days),
                VoidUnpaid: batch_handlers.void_unpaid,
                NotifyPremium: mail.notify,
                SendPaymentDetails: mail.send_details,
            },
        ),
        partners={
            mail.PARTNER: {
                "notice": mail.notice_operation(settings, personal, client),
                "details": mail.details_operation(settings, personal, client),
            }
        },
        background=(closing(client), watching(context, watch.measure)),
    )
