"""Who is asking, as rules see it: an account, its role and its organisation. No input or output here."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an account may do (domain 1)."""

    UNION = "union"
    SECOND_LEVEL = "second_level"
    DISTRICT = "district"
    CENTRE_REVIEWER = "centre_reviewer"
    CENTRE_PAYER = "centre_payer"
    FEDERATION = "federation"
    MEMBER = "member"
    BANK = "bank"


@dataclass(frozen=True, slots=True)
class Principal:
    """The account behind a request. ``member_id`` only for the role member."""

    account_id: int
    role: Role
    organisation_id: int
    member_id: int | None = None

    @property
    def actor(self) -> str:
        """As the audit names it."""
        return f"account:{self.account_id}"
