"""All tables of the service in one metadata, for migrations."""

from insurance_svc.batches import tables as batches
from insurance_svc.campaigns import tables as campaigns
from insurance_svc.cards import tables as cards
from insurance_svc.enrolments import tables as enrolments
from insurance_svc.exclusions import tables as exclusions
from insurance_svc.ledger import tables as ledger
from insurance_svc.losses import tables as losses
from insurance_svc.members import tables as members
from insurance_svc.metadata import METADATA
from insurance_svc.notices import tables as notices
from insurance_svc.payments import tables as payments
from insurance_svc.policies import tables as policies
from insurance_svc.seasons import tables as seasons
from insurance_svc.settlement import tables as settlement
from insurance_svc.splits import tables as splits

__all__ = [
    "METADATA",
    "batches",
    "campaigns",
    "cards",
    "enrolments",
    "exclusions",
    "ledger",
    "losses",
    "members",
    "notices",
    "payments",
    "policies",
    "seasons",
    "settlement",
    "splits",
]
