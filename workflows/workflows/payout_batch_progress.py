"""What a payout batch remembers: pure state, carried on when its history starts anew."""

from datetime import date, datetime, timedelta

from pydantic import BaseModel, Field

from unioncard.clock_segments import Segment
from unioncard.contracts.claims import PayoutBatchStanding, PayoutBatchState

ANSWER_WITHIN = timedelta(days=3)
"""The bank's answers; until all are there it is looked at every day, and shown as overdue."""
_DAY = timedelta(days=1)


class PayoutBatchFacts(BaseModel):
    """The batch itself; never changes. Money in fen."""

    number: str
    on: date
    payouts: int
    amount_fen: int
    opened_at: datetime


class PayoutBatchProgress(BaseModel):
    """How far it has come. News may arrive twice, late and in any order: answers only become more."""

    state: PayoutBatchState = PayoutBatchState.GATHERED
    asked_at: datetime | None = Field(None, description="when the bank had taken it, or had not wanted to")
    refused: bool = False
    payouts: int = Field(description="of those that were sent")
    waiting: int
    paid: int = 0
    returned: int = 0
    left_out: int = 0
    unpayable: int = 0
    looks: int = 0
    looked_at: datetime | None = None
    trouble: str | None = None

    @classmethod
    def of_new(cls, batch: PayoutBatchFacts) -> "PayoutBatchProgress":
        """Nothing was sent yet."""
        return cls(payouts=batch.payouts, waiting=batch.payouts)

    @property
    def over(self) -> bool:
        """Every payout has its answer."""
        return self.state is PayoutBatchState.DONE or (self.asked_at is not None and self.waiting == 0)

    def take_sent(self, standing: PayoutBatchStanding, now: datetime) -> None:
        """The bank has the batch; payouts that could not be sent are left out of it."""
        self.asked_at = now
        self.learn_standing(standing)

    def take_refused(self, reason: str, now: datetime) -> None:
        """A step on the way to the bank was refused. How the batch stands, and what staff make of it, is asked at
        once and then daily."""
        self.asked_at, self.refused, self.trouble = now, True, reason

    def learn_standing(self, standing: PayoutBatchStanding) -> None:
        """Take over an answer of the service."""
        self.left_out = standing.left_out
        self.payouts = standing.waiting + standing.paid + standing.returned
        if standing.state is PayoutBatchState.DONE:
            self.state = PayoutBatchState.DONE
        self.learn(standing.waiting, standing.paid, standing.returned)

    def learn(self, waiting: int, paid: int, returned: int) -> None:
        """Take over counts that are further on: fewer wait, or more came back after they had been paid."""
        if (waiting, -returned) < (self.waiting, -self.returned):
            self.waiting, self.paid, self.returned = waiting, paid, returned

    @property
    def due_at(self) -> datetime | None:
        """When the bank's answers are late; None before it has the batch."""
        return None if self.asked_at is None else self.asked_at + ANSWER_WITHIN

    def next_look(self) -> datetime:
        """When the service is asked how the batch stands: that makes up for lost events."""
        assert self.asked_at is not None  # nobody looks before
        if self.looked_at is None:
            return self.asked_at if self.refused else self.asked_at + _DAY
        return self.looked_at + _DAY

    def overdue(self, now: datetime) -> bool:
        """Whether the bank still owes answers after its days."""
        return not self.over and self.due_at is not None and now >= self.due_at


class PayoutBatchStart(BaseModel):
    """Input of the workflow. ``progress`` is there when it continues as new."""

    batch: PayoutBatchFacts
    segments: list[Segment] = Field(default_factory=list)
    progress: PayoutBatchProgress | None = None


class PayoutBatchEnd(BaseModel):
    """How the batch ended."""

    paid: int
    returned: int
    left_out: int


def payout_batch_id(number: str) -> str:
    """``payout-batch/FK202003050001``."""
    return f"payout-batch/{number}"
