"""The read model of members: what the bank needs to know of them too."""

from unioncard.member_copies import MemberCopies

upsert = MemberCopies(
    ("document_expiry", "date"),
    ("nationality", "text"),
    ("sex", "text"),
    ("birth_date", "date"),
    ("mobile", "text"),
    ("address", "text"),
).upsert
