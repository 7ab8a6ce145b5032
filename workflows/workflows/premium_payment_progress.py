"""What the payment of a district's batch remembers: pure state, carried on when its history starts anew."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic import BaseModel, Field

from unioncard.clock_segments import Segment
from unioncard.contracts.insurance import PremiumNoticeKind, PremiumStanding, PremiumState, Scheme
from unioncard.dates import shanghai_date
from workflows.campaign_calendar import OFFICE_OPENS, last_day_of, occurrence_on, reminders_before

REVIEW_WITHIN = timedelta(days=3)
"""A review that takes longer is escalated, and again after each such time."""
_ORDER = {PremiumState.REVIEWING: 0, PremiumState.PASSED: 1}
_LAST = 2


class PremiumBatch(BaseModel):
    """The batch itself; never changes. Money in fen."""

    number: str
    district_id: int
    district_code: str
    scheme: Scheme
    year: int
    heads: int
    due_fen: int
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder and its moment."""

    kind: PremiumNoticeKind
    at: datetime

    @property
    def occurrence(self) -> int:
        """Its day as yyyymmdd: told twice it is told once, and another last day makes other reminders."""
        return occurrence_on(self.at)

    @property
    def name(self) -> str:
        """Its name among those told."""
        return f"{self.kind}/{self.occurrence}"


class PremiumProgress(BaseModel):
    """How far it has come. News may arrive twice and late: the state only moves forward."""

    state: PremiumState = PremiumState.REVIEWING
    due_at: datetime | None = None
    due_news: int = Field(0, description="how often the last day was heard of; tells whether an answer is older")
    vouchers: int = 0
    received_fen: int = 0
    review_asked_at: datetime | None = None
    review_asked: int = 0
    told: list[str] = Field(default_factory=list, description="notices that are past")
    details_sent_at: datetime | None = None
    judged: int = 0
    judge_again: bool = False
    trouble: str | None = None

    @property
    def over(self) -> bool:
        """Nothing more is to be waited for."""
        return self.state not in _ORDER

    def move(self, state: PremiumState) -> None:
        """Take over a state that is further on."""
        if _ORDER.get(state, _LAST) > _ORDER.get(self.state, _LAST):
            self.state = state

    def learn_due(self, due_at: datetime | None) -> None:
        """The last day, from an event."""
        if due_at is not None:
            self.due_at = due_at
            self.due_news += 1

    def learn(self, standing: PremiumStanding, news_when_asked: int) -> None:
        """Take over an answer. Its last day counts unless an event told of another while the answer was on its way."""
        self.move(standing.state)
        self.vouchers = max(self.vouchers, standing.vouchers)
        self.received_fen = standing.received_fen
        if standing.due_at is not None and self.due_news == news_when_asked:
            self.due_at = standing.due_at

    def paid(self, batch: PremiumBatch) -> bool:
        """Whether the bank's statements cover what is due."""
        return self.received_fen >= batch.due_fen

    def next_review_notice(self, batch: PremiumBatch) -> datetime:
        """When the review is late, or late again."""
        return (self.review_asked_at or batch.submitted_at) + REVIEW_WITHIN

    def reminders(self) -> list[Reminder]:
        """All reminders by the last day as it is now, in order: 7, 3 and 1 days ahead, and on the day itself."""
        assert self.due_at is not None  # known once passed
        ahead = [Reminder(PremiumNoticeKind.PAYMENT_REMINDER, at) for at in reminders_before(self.due_at)]
        return [*ahead, Reminder(PremiumNoticeKind.PAYMENT_LAST_DAY, last_day_of(self.due_at) + OFFICE_OPENS)]

    def take_reminder(self, batch: PremiumBatch, now: datetime) -> Reminder | None:
        """The newest reminder that has come and was not sent; older ones are passed over. None is needed of a batch
        that is paid; a voucher quiets all but the last day's, since the money has not been seen yet."""
        passed = [one for one in self.reminders() if one.at <= now and one.name not in self.told]
        self.told += [one.name for one in passed]
        if not passed or self.paid(batch):
            return None
        newest = passed[-1]
        return None if self.vouchers and newest.kind is PremiumNoticeKind.PAYMENT_REMINDER else newest

    def concerns(self, day: date) -> bool:
        """Whether the bank statement of this day can settle the batch: its last day's, or a later one."""
        return self.due_at is not None and day >= last_day(self.due_at)


def last_day(due_at: datetime) -> date:
    """The last day of payment."""
    return shanghai_date(last_day_of(due_at))


class PremiumStart(BaseModel):
    """Input of the workflow. ``progress`` is there when it continues as new."""

    batch: PremiumBatch
    segments: list[Segment] = Field(default_factory=list)
    progress: PremiumProgress | None = None


class PremiumEnd(BaseModel):
    """How the batch ended. Money in fen."""

    state: PremiumState
    received_fen: int
    vouchers: int
    details_sent: bool
    judged: int


def payment_id(number: str) -> str:
    """``premium-payment/CB202012280001``."""
    return f"premium-payment/{number}"
