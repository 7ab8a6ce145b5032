"""The accounts, and what each thing that happens to a claim's money posts to them.

Debit is positive, credit negative; a posting that does not add up to zero cannot be made. What was approved is owed
to the member until the bank has confirmed it; what comes back is owed again (domain 6: a returned payout is not lost).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Account(StrEnum):
    """Where money is. One set of accounts for each district, coverage year and class."""

    BENEFITS = "benefits"
    PAYABLE = "payable"
    IN_TRANSIT = "in_transit"
    CASH = "cash"

    @property
    def label(self) -> str:
        """Its Chinese name."""
        return _LABELS[self]


_LABELS = {
    Account.BENEFITS: "给付支出",
    Account.PAYABLE: "应付给付",
    Account.IN_TRANSIT: "划款在途",
    Account.CASH: "专户存款",
}


@dataclass(frozen=True, slots=True)
class Book:
    """Whose books: the district, coverage year and class of the policy that pays."""

    district_id: int
    coverage_year: int
    class_code: str


@dataclass(frozen=True, slots=True)
class Posting:
    """Amounts by account under a business key that counts once. Raises ValueError unless they add up to zero."""

    key: str
    claim_number: str
    book: Book
    amounts: Mapping[Account, int]

    def __post_init__(self) -> None:
        if sum(self.amounts.values()) != 0:
            raise ValueError(f"posting {self.key} does not add up to zero")


@dataclass(frozen=True, slots=True)
class Share:
    """What one payout takes from one book, in fen."""

    payout_number: str
    claim_number: str
    book: Book
    amount_fen: int


def approved(claim_number: str, version: int, book: Book, amount_fen: int) -> Posting:
    """The centre approved so much more than before, or less after all (negative); ``version`` is the claim's."""
    key = f"claim/{claim_number}/approved/{version}"
    return Posting(key, claim_number, book, {Account.BENEFITS: amount_fen, Account.PAYABLE: -amount_fen})


def sent(share: Share) -> Posting:
    """The payout goes to the bank."""
    return _moved(share, "sent", Account.PAYABLE, Account.IN_TRANSIT)


def confirmed(share: Share) -> Posting:
    """The bank confirmed that the money arrived."""
    return _moved(share, "confirmed", Account.IN_TRANSIT, Account.CASH)


def returned(share: Share) -> Posting:
    """The bank sent it back, or would not take it: it is owed again."""
    return _moved(share, "returned", Account.IN_TRANSIT, Account.PAYABLE)


def came_back(share: Share) -> Posting:
    """It had arrived, and came back all the same."""
    return _moved(share, "returned", Account.CASH, Account.PAYABLE)


def _moved(share: Share, what: str, debit: Account, credit: Account) -> Posting:
    key = f"payout/{share.payout_number}/{what}"
    return Posting(key, share.claim_number, share.book, {debit: share.amount_fen, credit: -share.amount_fen})
