"""All tables of the service in one metadata, for migrations."""

from claims_svc.claims import tables as claims
from claims_svc.illnesses import tables as illnesses
from claims_svc.members import tables as members
from claims_svc.metadata import METADATA
from claims_svc.notices import tables as notices
from claims_svc.papers import tables as papers

__all__ = ["METADATA", "claims", "illnesses", "members", "notices", "papers"]
