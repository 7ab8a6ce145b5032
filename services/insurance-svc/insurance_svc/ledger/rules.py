"""The accounts, and what each thing that happens to money posts to them.

Debit is positive, credit negative; a posting that does not add up to zero cannot be made. Every fen of a batch's fee
has its place at any moment: a part the district still owes or has paid, a part the federation subsidises, a part an
earlier year gave back (domain 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Account(StrEnum):
    """Where money is. One set of accounts for each district; district 0 holds money whose sender is not known yet."""

    DISTRICT_RECEIVABLE = "district_receivable"
    SUBSIDY_RECEIVABLE = "subsidy_receivable"
    PREMIUMS = "premiums"
    CASH = "cash"
    DISTRICT_CREDIT = "district_credit"
    REFUNDS_DUE = "refunds_due"
    SETTLEMENT = "settlement"

    @property
    def label(self) -> str:
        """Its Chinese name."""
        return _LABELS[self]


_LABELS = {
    Account.DISTRICT_RECEIVABLE: "应收区局保费",
    Account.SUBSIDY_RECEIVABLE: "应收市总补贴",
    Account.PREMIUMS: "保费收入",
    Account.CASH: "专户存款",
    Account.DISTRICT_CREDIT: "清算分配款",
    Account.REFUNDS_DUE: "待退款项",
    Account.SETTLEMENT: "清算",
}

UNKNOWN_DISTRICT = 0
UNKNOWN_YEAR = 0


@dataclass(frozen=True, slots=True)
class Posting:
    """Amounts by account under a business key that counts once. Raises ValueError unless they add up to zero."""

    key: str
    district_id: int
    coverage_year: int
    amounts: Mapping[Account, int]

    def __post_init__(self) -> None:
        if sum(self.amounts.values()) != 0:
            raise ValueError(f"posting {self.key} does not add up to zero")


@dataclass(frozen=True, slots=True)
class BatchMoney:
    """What the ledger needs to know of a batch, in fen: fee = subsidy + credit + due."""

    number: str
    district_id: int
    coverage_year: int
    fee_fen: int
    subsidy_fen: int
    credit_fen: int
    due_fen: int
    received_fen: int


def passed(batch: BatchMoney) -> Posting:
    """The centre passed the batch: from now on money may move (G19 67)."""
    return Posting(
        f"batch/{batch.number}/due",
        batch.district_id,
        batch.coverage_year,
        {
            Account.DISTRICT_RECEIVABLE: batch.due_fen,
            Account.SUBSIDY_RECEIVABLE: batch.subsidy_fen,
            Account.DISTRICT_CREDIT: batch.credit_fen,
            Account.PREMIUMS: -batch.fee_fen,
        },
    )


def voided(batch: BatchMoney) -> Posting:
    """As if the batch never was: what the district has paid of it is due back, its credit is its own again."""
    return Posting(
        f"batch/{batch.number}/void",
        batch.district_id,
        batch.coverage_year,
        {
            Account.DISTRICT_RECEIVABLE: batch.received_fen - batch.due_fen,
            Account.REFUNDS_DUE: -batch.received_fen,
            Account.SUBSIDY_RECEIVABLE: -batch.subsidy_fen,
            Account.DISTRICT_CREDIT: -batch.credit_fen,
            Account.PREMIUMS: batch.fee_fen,
        },
    )


def received(reference: str, district_id: int, coverage_year: int, amount_fen: int, counted_fen: int) -> Posting:
    """A movement on the bank's statement: ``counted_fen`` of it pays a batch, the rest is due back."""
    return Posting(
        f"line/{reference}/received",
        district_id,
        coverage_year,
        {
            Account.CASH: amount_fen,
            Account.DISTRICT_RECEIVABLE: -counted_fen,
            Account.REFUNDS_DUE: counted_fen - amount_fen,
        },
    )


def left(reference: str, batch_number: str, district_id: int, coverage_year: int, amount_fen: int) -> Posting:
    """A movement belongs to another batch than was thought: it leaves the accounts it lay in."""
    return Posting(
        f"line/{reference}/left/{batch_number}",
        district_id,
        coverage_year,
        {Account.CASH: -amount_fen, Account.REFUNDS_DUE: amount_fen},
    )


def attached(reference: str, batch: BatchMoney, amount_fen: int, counted_fen: int) -> Posting:
    """A movement was attached to the batch it was meant for: ``counted_fen`` of it pays the batch."""
    return Posting(
        f"line/{reference}/attached/{batch.number}",
        batch.district_id,
        batch.coverage_year,
        {
            Account.CASH: amount_fen,
            Account.DISTRICT_RECEIVABLE: -counted_fen,
            Account.REFUNDS_DUE: counted_fen - amount_fen,
        },
    )


def refunded(reference: str, district_id: int, coverage_year: int, amount_fen: int) -> Posting:
    """What was too much of a movement went back to its sender."""
    return Posting(
        f"line/{reference}/refunded",
        district_id,
        coverage_year,
        {Account.REFUNDS_DUE: amount_fen, Account.CASH: -amount_fen},
    )


def credited(reference: str, district_id: int, coverage_year: int, amount_fen: int) -> Posting:
    """What was too much of a movement stays as the district's credit for a later centralized campaign."""
    return Posting(
        f"line/{reference}/credited",
        district_id,
        coverage_year,
        {Account.REFUNDS_DUE: amount_fen, Account.DISTRICT_CREDIT: -amount_fen},
    )


def subsidised(reference: str, district_id: int, coverage_year: int, amount_fen: int) -> Posting:
    """The federation paid the subsidy of a district's premiums."""
    return Posting(
        f"subsidy/{reference}",
        district_id,
        coverage_year,
        {Account.CASH: amount_fen, Account.SUBSIDY_RECEIVABLE: -amount_fen},
    )


def settled(settlement_id: int, district_id: int, coverage_year: int, surplus_fen: int) -> Posting:
    """A district's surplus of a year is its credit for a later centralized campaign (清算分配款)."""
    return Posting(
        f"settlement/{settlement_id}",
        district_id,
        coverage_year,
        {Account.SETTLEMENT: surplus_fen, Account.DISTRICT_CREDIT: -surplus_fen},
    )
