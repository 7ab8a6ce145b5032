"""The read model of members."""

from unioncard.member_copies import MemberCopies

upsert = MemberCopies().upsert
