"""What a card batch's workflow remembers: pure state, carried on when its history starts anew."""

from datetime import date, datetime, timedelta

from pydantic import BaseModel, Field

from unioncard.clock_segments import Segment
from unioncard.contracts.cards import BatchCounts, BatchDeadlines, Channel
from unioncard.dates import day_start

REMINDER_EVERY = timedelta(days=30)


class Batch(BaseModel):
    """The batch itself; never changes."""

    number: str
    union_id: int
    district_code: str
    channel: Channel
    members: int
    submitted_at: datetime


class Progress(BaseModel):
    """How far it has come. News may arrive twice, late and in any order: everything only moves forward."""

    waiting: int
    issued: int = 0
    accounted: int = 0
    called_on: date | None = None
    closed: bool = False
    deadlines: BatchDeadlines | None = None
    late: bool = False
    overdue: bool = False
    announced_at: datetime | None = None
    remind_from: datetime | None = None
    reminded: int = 0

    @classmethod
    def of_new(cls, members: int) -> "Progress":
        """Nobody has an answer yet."""
        return cls(waiting=members)

    def learn(self, counts: BatchCounts) -> None:
        """Take over counts that are further on. Cards accounted for are those collected or left to the member."""
        self.waiting = min(self.waiting, counts.waiting)
        self.issued = max(self.issued, counts.issued)
        self.accounted = max(self.accounted, counts.issued - counts.unaccounted)

    def learn_call(self, called_on: date | None) -> None:
        """The bank called; of several reports the earliest day counts."""
        if called_on is not None:
            self.called_on = min(self.called_on or called_on, called_on)

    @property
    def unaccounted(self) -> int:
        """Cards issued of which nobody knows yet whether they reached their member."""
        return max(0, self.issued - self.accounted)

    @property
    def complete(self) -> bool:
        """Every member has an answer and every card is accounted for."""
        return self.waiting == 0 and self.unaccounted == 0

    @property
    def over(self) -> bool:
        """Nothing more is to be waited for."""
        return self.closed or self.complete

    @property
    def next_reminder(self) -> datetime:
        """When the next reminder is due: every 30 days after the call, or after the day it was due (domain 4.5)."""
        assert self.remind_from is not None  # set before anyone is reminded
        return self.remind_from + REMINDER_EVERY * (self.reminded + 1)

    def count_reminders_from(self, without_call: datetime) -> None:
        """Fix from when reminders count: the day of the call, or ``without_call`` where there was none."""
        if self.remind_from is None:
            self.remind_from = day_start(self.called_on) if self.called_on else without_call


class CardBatchStart(BaseModel):
    """Input of the workflow. ``progress`` is there when it continues as new."""

    batch: Batch
    segments: list[Segment] = Field(default_factory=list)
    progress: Progress | None = None


class CardBatchEnd(BaseModel):
    """How the batch ended, in members and notices."""

    issued: int
    failed: int
    accounted: int
    closed: bool
    late: bool
    overdue: bool
    reminded: int
