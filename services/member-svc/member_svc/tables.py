"""All tables of the service in one metadata, for migrations."""

from member_svc.accounts import tables as accounts
from member_svc.cards import tables as cards
from member_svc.imports import tables as imports
from member_svc.members import tables as members
from member_svc.metadata import METADATA
from member_svc.organisations import tables as organisations
from member_svc.transfer_outs import tables as transfer_outs

__all__ = ["METADATA", "accounts", "cards", "imports", "members", "organisations", "transfer_outs"]
