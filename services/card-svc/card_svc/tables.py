"""All tables of the service in one metadata, for migrations."""

from card_svc.bank import tables as bank
from card_svc.batches import tables as batches
from card_svc.cardlife import tables as cardlife
from card_svc.cardlog import tables as cardlog
from card_svc.cards import tables as cards
from card_svc.checks import tables as checks
from card_svc.members import tables as members
from card_svc.metadata import METADATA
from card_svc.notices import tables as notices
from card_svc.outlets import tables as outlets
from card_svc.todo import tables as todo

__all__ = [
    "METADATA",
    "bank",
    "batches",
    "cardlife",
    "cardlog",
    "cards",
    "checks",
    "members",
    "notices",
    "outlets",
    "todo",
]
