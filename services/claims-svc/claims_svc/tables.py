"""All tables of the service in one metadata, for migrations."""

from claims_svc.members import tables as members
from claims_svc.metadata import METADATA
from claims_svc.notices import tables as notices

__all__ = ["METADATA", "members", "notices"]
