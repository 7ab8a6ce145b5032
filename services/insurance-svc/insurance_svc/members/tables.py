"""The read model of members. Cover stays as it is when one changes: the policy goes with the member."""

from insurance_svc.metadata import METADATA
from unioncard.member_copies import add_members_table

MEMBERS = add_members_table(METADATA)
