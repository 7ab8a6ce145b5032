"""All tables of the service in one metadata, for migrations."""

from claims_svc.accounts import tables as accounts
from claims_svc.adjudication import tables as adjudication
from claims_svc.claims import tables as claims
from claims_svc.illnesses import tables as illnesses
from claims_svc.ledger import tables as ledger
from claims_svc.members import tables as members
from claims_svc.metadata import METADATA
from claims_svc.notices import tables as notices
from claims_svc.papers import tables as papers
from claims_svc.payouts import tables as payouts

__all__ = [
    "METADATA",
    "accounts",
    "adjudication",
    "claims",
    "illnesses",
    "ledger",
    "members",
    "notices",
    "papers",
    "payouts",
]
