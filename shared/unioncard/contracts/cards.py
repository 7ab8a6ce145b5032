"""What card-svc tells and what it can be asked to do."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from unioncard.contracts.model import Command, Contract, Event

EVENTS = "card-svc.events"
COMMANDS = "card-svc.commands"


class Channel(StrEnum):
    """办卡通道: 普通 or 特殊 (domain 4.2)."""

    NORMAL = "normal"
    SPECIAL = "special"


class CardState(StrEnum):
    """办理状态 of a member (domain 4)."""

    NONE = "none"
    TO_DO = "to_do"
    IN_BATCH = "in_batch"
    ISSUED = "issued"
    FAILED = "failed"


class CardStateOfMember(Contract):
    """One member's card state with its own version, counted by card-svc."""

    member_id: int
    version: int
    state: CardState
    numbered_on: date | None = Field(None, description="day in Shanghai on which the card number was made")
    number_end: str | None = Field(None, description="the card number's last four digits, for lists")


class CardsChanged(Event):
    """Card states of members of one union; at most 1,000. member-svc shows them and guards document numbers."""

    TYPE: ClassVar[str] = "card.cards.changed.v1"
    TOPIC: ClassVar[str] = EVENTS
    union_id: int
    cards: list[CardStateOfMember] = Field(max_length=1000)


class CheckRequested(Event):
    """A system check (系统校验) of to-do records was asked for; starts the workflow ``card-check/<check_id>``."""

    TYPE: ClassVar[str] = "card.check.requested.v1"
    TOPIC: ClassVar[str] = EVENTS
    check_id: str
    union_id: int
    district_code: str
    channel: Channel
    total: int = Field(description="members to be checked")
    chunks: int = Field(description="commands card.check.chunk.v1 it takes, numbered from 0")
    requested_at: datetime


class BatchEvent(Event):
    """What every event about a batch repeats, so that any of them can start the batch's workflow."""

    batch_number: str
    union_id: int
    district_code: str
    channel: Channel
    members: int
    submitted_at: datetime


class BatchSubmitted(BatchEvent):
    """A batch was submitted (提交办卡); starts the workflow ``card-batch/<batch_number>``."""

    TYPE: ClassVar[str] = "card.batch.submitted.v1"
    TOPIC: ClassVar[str] = EVENTS


class BatchCounts(Contract):
    """How a batch stands, in members. ``waiting + issued + failed = members``."""

    waiting: int = Field(description="no answer from the bank yet")
    issued: int
    failed: int
    collected: int = Field(description="card handed to the union or the member")
    in_person: int = Field(description="member collects alone with the notice letter (领卡告知函)")
    unaccounted: int = Field(description="issued and neither collected nor left to the member")


class BatchAnswered(BatchEvent):
    """The bank answered for some or all members."""

    TYPE: ClassVar[str] = "card.batch.answered.v1"
    TOPIC: ClassVar[str] = EVENTS
    counts: BatchCounts
    answered_at: datetime


class BatchCalled(BatchEvent):
    """The operator recorded the bank's call to collect."""

    TYPE: ClassVar[str] = "card.batch.called.v1"
    TOPIC: ClassVar[str] = EVENTS
    called_on: date


class BatchPickedUp(BatchEvent):
    """Cards were handed out, or left for members to collect in person."""

    TYPE: ClassVar[str] = "card.batch.picked-up.v1"
    TOPIC: ClassVar[str] = EVENTS
    counts: BatchCounts


class BatchClosed(BatchEvent):
    """Staff closed the batch with a reason although cards are not accounted for (domain 4.5)."""

    TYPE: ClassVar[str] = "card.batch.closed.v1"
    TOPIC: ClassVar[str] = EVENTS
    reason: str


class CheckChunkResult(Contract):
    """Members of the chunk by outcome; ``gone`` left the to-do list meanwhile."""

    passed: int
    not_passed: int
    gone: int


class CheckChunk(Command):
    """Check one chunk of a system check with the population and social-security offices.

    Key ``card-check/<check_id>/<chunk>``; result :class:`CheckChunkResult`.
    """

    TYPE: ClassVar[str] = "card.check.chunk.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = CheckChunkResult
    check_id: str
    chunk: int


class ExclusionReason(StrEnum):
    """Why the population office (人口办) keeps somebody out of a centralized list (domain 5)."""

    RETIRED = "retired"
    DECEASED = "deceased"


class ExclusionsFound(Contract):
    """Whom the population office excludes, by why; everybody else who was asked about is in order."""

    excluded: dict[ExclusionReason, list[int]]
    unknown: list[int] = Field(description="members that card-svc does not know, so nobody was asked about them")


class CheckExclusions(Command):
    """Ask the population office about members for insurance; nothing of their cards changes.

    Key ``exclusion-check/<year>/<district_code>/<opening|batch>/office/<cursor>``; result :class:`ExclusionsFound`.
    """

    TYPE: ClassVar[str] = "card.exclusions.check.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = ExclusionsFound
    check_id: str = Field(description="id of the workflow that asks")
    member_ids: list[int] = Field(min_length=1, max_length=1000)


class BatchDeadlines(Contract):
    """When a batch's waits end. The days are whole days in Shanghai; instants are the first moment too late."""

    numbers_due_at: datetime | None = Field(description="three calendar days after submission; None on special")
    call_due_at: datetime | None = Field(description="15 days after submission, holidays add; None on special")
    call_due_provisional: bool = Field(description="a year's holidays are not yet published")


class SubmitBatchResult(Contract):
    """The bank has the batch."""

    accepted_at: datetime
    deadlines: BatchDeadlines


class SubmitBatch(Command):
    """Send a batch to the bank. Key ``card-batch/<number>/submit``; result :class:`SubmitBatchResult`."""

    TYPE: ClassVar[str] = "card.batch.submit.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = SubmitBatchResult
    batch_number: str


class NoticeKind(StrEnum):
    """Why people are told about a batch."""

    NUMBERS_GENERATED = "numbers_generated"
    NUMBERS_LATE = "numbers_late"
    CALL_OVERDUE = "call_overdue"
    PICKUP_REMINDER = "pickup_reminder"


class NotifyBatchResult(Contract):
    """Who was told, and how the batch stands."""

    recipients: int
    counts: BatchCounts
    called_on: date | None
    closed: bool


class NotifyBatch(Command):
    """Put a notice about a batch before the people concerned. Key ``card-batch/<number>/notice/<kind>/<occurrence>``.

    Result :class:`NotifyBatchResult`: the counts as they are, so that the workflow learns what a lost event would
    have told it.
    """

    TYPE: ClassVar[str] = "card.batch.notify.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = NotifyBatchResult
    batch_number: str
    kind: NoticeKind
    occurrence: int = Field(1, ge=1, description="1 for the first, 2 for the second reminder …")


class FetchBankStateResult(Contract):
    """What the files held. ``set_aside`` counts answers for batches or members that are not ours to fill."""

    batches: int
    results: int
    news: int = Field(description="results that had not been known")
    set_aside: int
    lives: int = Field(0, description="accounts behind cards that changed lately")
    life_news: int = Field(0, description="of them, what had not been known")
    lives_set_aside: int = Field(0, description="of them, accounts that belong to no card of ours")


class FetchBankState(Command):
    """Take over the bank's nightly files of one day: card numbers (domain 4.5), and what happened to cards since.

    Key ``bank-state/<day>/<run>``.
    """

    TYPE: ClassVar[str] = "card.bank-state.fetch.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = FetchBankStateResult
    day: date
