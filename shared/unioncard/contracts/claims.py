"""What claims-svc tells and what it can be asked to do. Money is whole fen; nothing medical is ever in a message."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from unioncard.contracts.cover import Benefit, CoverFound
from unioncard.contracts.model import Command, Contract, Event

EVENTS = "claims-svc.events"
COMMANDS = "claims-svc.commands"


class ClaimState(StrEnum):
    """Where a claim stands (给付申请状态)."""

    FILED = "filed"
    """已受理: its cover is being looked up."""
    INCOMPLETE = "incomplete"
    """待补材料."""
    STAMPING = "stamping"
    """待盖章."""
    PROVISIONAL = "provisional"
    """待核销: complete, but its cover is provisional until the premium is written off or void."""
    ADJUDICATING = "adjudicating"
    """中心审核中."""
    MEDICAL_REVIEW = "medical_review"
    """医学复核中: a question of the adjudicator waits for another reviewer."""
    CONFIRMING = "confirming"
    """待复核: a decision waits for its second pair of eyes."""
    TO_PAY = "to_pay"
    """待划款."""
    PAYING = "paying"
    """划款中."""
    RETURNED = "returned"
    """退汇待处理: the bank sent the money back, or it could not be sent."""
    PAID = "paid"
    """已给付."""
    REFUSED = "refused"
    """不予给付."""
    LAPSED = "lapsed"
    """逾期未补材料."""
    WITHDRAWN = "withdrawn"
    """已撤回."""
    CLOSED = "closed"
    """已办结: paid or refused, and the time to appeal is over."""


class ClaimChanged(Event):
    """A claim was filed or changed its state; the first starts the workflow ``claim/<claim_number>``.

    Each repeats all that the workflow needs, so that any of them can start it. ``version`` orders them.
    """

    TYPE: ClassVar[str] = "claims.claim.changed.v1"
    TOPIC: ClassVar[str] = EVENTS
    claim_number: str
    version: int
    state: ClaimState
    member_id: int
    union_id: int
    district_id: int
    district_code: str
    benefit: Benefit
    first_day: date = Field(description="first day whose cover matters: diagnosis, accident, death or admission")
    last_day: date = Field(description="the last one; of a stay in hospital its last night")
    filed_at: datetime
    due_at: datetime | None = Field(description="first instant too late for what is awaited, where it has a last day")
    appeal_until: datetime | None = Field(description="first instant too late to appeal against the decision")
    missing: int = Field(description="papers still missing")
    district_stamp: bool = Field(description="what is missing is the district's stamp")
    answered: bool = Field(False, description="its workflow asked for this change and has it as the command's answer")


class ClaimStanding(Contract):
    """A claim as it is now: what a lost event would have told."""

    version: int
    state: ClaimState
    due_at: datetime | None
    appeal_until: datetime | None
    missing: int
    district_stamp: bool


class AssessClaim(Command):
    """Take over what insurance-svc found, and move the claim on if its rules allow.

    Key ``claim/<number>/assess/<n>``; result :class:`ClaimStanding`.
    """

    TYPE: ClassVar[str] = "claims.claim.assess.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = ClaimStanding
    claim_number: str
    cover: CoverFound


class ClaimNoticeKind(StrEnum):
    """Why people are told about a claim."""

    PAPERS_MISSING = "papers_missing"
    PAPERS_LAST_DAY = "papers_last_day"
    STAMP_MISSING = "stamp_missing"
    REVIEW_LATE = "review_late"
    CONFIRMATION_LATE = "confirmation_late"
    MEDICAL_LATE = "medical_late"
    PAYOUT_LATE = "payout_late"
    RETURNED = "returned"
    DECIDED = "decided"


class NotifyClaim(Command):
    """Put a notice about a claim before the people concerned.

    Key ``claim/<number>/notice/<kind>/<occurrence>``; result :class:`ClaimStanding`. A notice that the claim's state
    has overtaken tells nobody.
    """

    TYPE: ClassVar[str] = "claims.claim.notify.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = ClaimStanding
    claim_number: str
    kind: ClaimNoticeKind
    occurrence: int = Field(1, ge=1)


class LapseClaim(Command):
    """The last day for missing papers or the time to appeal is over: let the claim lapse, or close it.

    Key ``claim/<number>/lapse/<n>``; result :class:`ClaimStanding`. The service's own clock judges; where it is not
    over yet, or something else happened meanwhile, nothing changes.
    """

    TYPE: ClassVar[str] = "claims.claim.lapse.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = ClaimStanding
    claim_number: str


class PayoutBatchState(StrEnum):
    """Where a payout batch stands (划款批次状态)."""

    GATHERED = "gathered"
    SENDING = "sending"
    SENT = "sent"
    DONE = "done"


class PayoutBatchOpened(Event):
    """Payouts that are ready were put in a batch; starts the workflow ``payout-batch/<batch_number>``."""

    TYPE: ClassVar[str] = "claims.payout-batch.opened.v1"
    TOPIC: ClassVar[str] = EVENTS
    batch_number: str
    on: date
    payouts: int
    amount_fen: int
    opened_at: datetime


class PayoutBatchAnswered(Event):
    """The bank answered for some or all payouts of a batch."""

    TYPE: ClassVar[str] = "claims.payout-batch.answered.v1"
    TOPIC: ClassVar[str] = EVENTS
    batch_number: str
    waiting: int
    paid: int
    returned: int


class PayoutSettled(Event):
    """A payout was confirmed by the bank, or its money came back; insurance-svc adds it to the year's losses.

    Counts once by ``payout_number``: each attempt has a number of its own.
    """

    TYPE: ClassVar[str] = "claims.payout.settled.v1"
    TOPIC: ClassVar[str] = EVENTS
    payout_number: str
    district_id: int
    coverage_year: int
    class_code: str
    benefit: Benefit
    amount_fen: int = Field(description="paid positive; negative what came back after it had been confirmed")


class PayoutsGathered(Contract):
    """What was put into batches; each has its own :class:`PayoutBatchOpened`."""

    batches: int
    payouts: int


class GatherPayouts(Command):
    """Put all payouts that are ready into batches of at most 1,000. Key ``payouts/<day>/<workflow id>``.

    Result :class:`PayoutsGathered`.
    """

    TYPE: ClassVar[str] = "claims.payouts.gather.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PayoutsGathered
    day: date


class PayeeChunk(Contract):
    """Members of a batch whose own cards are to be paid; a batch has at most 1,000."""

    member_ids: list[int]
    state: PayoutBatchState


class ShowPayees(Command):
    """Whose cards a batch is to reach. Key ``payout-batch/<number>/who``; result :class:`PayeeChunk`."""

    TYPE: ClassVar[str] = "claims.payout-batch.payees.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PayeeChunk
    batch_number: str


class PayoutBatchStanding(Contract):
    """A batch as it is now. ``waiting + paid + returned = payouts``; ``left_out`` could not be sent at all."""

    state: PayoutBatchState
    payouts: int
    amount_fen: int
    waiting: int
    paid: int
    returned: int
    left_out: int


class SubmitPayouts(Command):
    """Send a batch to the bank, once, with its control totals.

    Key ``payout-batch/<number>/submit``; result :class:`PayoutBatchStanding`. Who cannot be paid is left out first
    and shown for correction. Fails (to be tried again) while card-svc's answer has not arrived.
    """

    TYPE: ClassVar[str] = "claims.payout-batch.submit.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PayoutBatchStanding
    batch_number: str


class ShowPayoutBatch(Command):
    """How a batch stands. Key ``payout-batch/<number>/standing/<n>``; result :class:`PayoutBatchStanding`."""

    TYPE: ClassVar[str] = "claims.payout-batch.standing.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PayoutBatchStanding
    batch_number: str


class PayoutFileFetched(Contract):
    """What the bank's nightly file held. ``set_aside``: answers that fit no payout of ours, kept for staff."""

    answers: int
    news: int
    set_aside: int


class FetchPayoutFile(Command):
    """Take over the bank's nightly payout file of one day. Key ``payout-file/<day>/<run>``.

    Result :class:`PayoutFileFetched`.
    """

    TYPE: ClassVar[str] = "claims.payout-file.fetch.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PayoutFileFetched
    day: date
