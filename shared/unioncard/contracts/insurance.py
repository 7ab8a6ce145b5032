"""What insurance-svc tells and what it can be asked to do. Money is whole fen."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from unioncard.contracts.cards import ExclusionReason
from unioncard.contracts.model import Command, Contract, Event

EVENTS = "insurance-svc.events"
COMMANDS = "insurance-svc.commands"


class Scheme(StrEnum):
    """Whose calendar judges. 集中, 即时, 个人; and the collective yearly registration of 2014 (I14)."""

    CENTRALIZED = "centralized"
    INSTANT = "instant"
    PERSONAL = "personal"
    REGISTRATION = "registration"


class Phase(StrEnum):
    """A row of the calendar (domain 5)."""

    FEE_SPLIT = "fee_split"
    UNION_WINDOW = "union_window"
    UNION_PAYMENT = "union_payment"
    DISTRICT_REVIEW = "district_review"
    DISTRICT_SUBMISSION = "district_submission"
    PAYMENT = "payment"
    PAYMENT_DETAILS = "payment_details"
    COVERAGE = "coverage"


class PhaseTimes(Contract):
    """When a phase is: from ``opens_at`` until before ``closes_at``, the first instant too late."""

    phase: Phase
    opens_at: datetime | None
    closes_at: datetime | None


class CampaignEvent(Event):
    """What every event about a campaign repeats."""

    scheme: Scheme
    coverage_year: int


class CampaignChanged(CampaignEvent):
    """The campaign's calendar changed for everybody, or for one district (extension, early close, re-opening)."""

    TYPE: ClassVar[str] = "insurance.campaign.changed.v1"
    TOPIC: ClassVar[str] = EVENTS
    district_id: int | None = Field(description="None: the calendar for all")
    phases: list[PhaseTimes] = Field(description="all of them as they are now, for that district or for all")
    version: int = Field(description="rises with every change of the campaign's calendar, for whomever it is")


class PremiumBatchEvent(Event):
    """What every event about a district's batch repeats, so that any of them can start its workflow."""

    batch_number: str
    district_id: int
    district_code: str
    scheme: Scheme
    coverage_year: int
    heads: int
    due_fen: int
    submitted_at: datetime


class PremiumBatchSubmitted(PremiumBatchEvent):
    """A district submitted a batch to the centre; starts the workflow ``premium-payment/<batch_number>``."""

    TYPE: ClassVar[str] = "insurance.batch.submitted.v1"
    TOPIC: ClassVar[str] = EVENTS


class PremiumBatchReviewed(PremiumBatchEvent):
    """The centre passed the batch, or returned it with a reason."""

    TYPE: ClassVar[str] = "insurance.batch.reviewed.v1"
    TOPIC: ClassVar[str] = EVENTS
    passed: bool
    due_at: datetime | None = Field(description="first instant too late to pay; None when returned")


class PremiumVoucherUploaded(PremiumBatchEvent):
    """The district uploaded a payment voucher (缴费凭证)."""

    TYPE: ClassVar[str] = "insurance.batch.voucher.v1"
    TOPIC: ClassVar[str] = EVENTS
    vouchers: int = Field(description="how many there are now")


class PremiumBatchDueChanged(PremiumBatchEvent):
    """The last day of payment moved."""

    TYPE: ClassVar[str] = "insurance.batch.due-changed.v1"
    TOPIC: ClassVar[str] = EVENTS
    due_at: datetime


class PremiumBatchWrittenOff(PremiumBatchEvent):
    """The money is there and the centre wrote the batch off (核销): its cover is definite."""

    TYPE: ClassVar[str] = "insurance.batch.written-off.v1"
    TOPIC: ClassVar[str] = EVENTS


class PremiumBatchVoided(PremiumBatchEvent):
    """The batch is void: not paid by the last day."""

    TYPE: ClassVar[str] = "insurance.batch.voided.v1"
    TOPIC: ClassVar[str] = EVENTS
    reason: str


class StatementReconciled(Event):
    """A day's bank statement is reconciled; batches whose last day it was can be judged. Nobody is named."""

    TYPE: ClassVar[str] = "insurance.statement.reconciled.v1"
    TOPIC: ClassVar[str] = EVENTS
    day: date


class CampaignKey(Contract):
    """A campaign's name."""

    scheme: Scheme
    coverage_year: int


class DueCampaigns(Contract):
    """Campaigns whose first day has come and which are not closed."""

    campaigns: list[CampaignKey]


class ListDueCampaigns(Command):
    """Which campaigns should be running now, by the calendar. Key ``campaigns-due/<moment>``.

    Result :class:`DueCampaigns`.
    """

    TYPE: ClassVar[str] = "insurance.campaigns.due.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = DueCampaigns
    asked_for: datetime = Field(description="only to tell one question from the next; the service's clock judges")


class CampaignDistrict(Contract):
    """A district that takes part; ``phases`` only where its calendar differs from everybody's."""

    district_id: int
    district_code: str
    name: str
    phases: list[PhaseTimes] = Field(default=[])


class OpenedCampaign(Contract):
    """The calendar for all, and the districts."""

    phases: list[PhaseTimes]
    version: int
    districts: list[CampaignDistrict]


class OpenCampaign(Command):
    """Open a campaign, if it is not. Key ``campaign/<scheme>/<year>/open/<moment>``; result :class:`OpenedCampaign`."""

    TYPE: ClassVar[str] = "insurance.campaign.open.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = OpenedCampaign
    scheme: Scheme
    coverage_year: int


class DistrictStanding(Contract):
    """Lists by state and what is missing, as it is now."""

    split_set: bool
    unions: int = Field(description="unions of the district")
    unions_with_list: int
    waiting: int = Field(description="lists waiting for the district's review")
    basket: int = Field(description="lists to submit")
    returned: int
    in_batch: int
    heads: int = Field(description="members on standing lists")
    batches_open: int = Field(description="batches neither written off nor void")
    batches_written_off: int
    batches_voided: int


class ShowDistrict(Command):
    """How a district stands. Key ``campaign/<scheme>/<year>/<district_id>/standing/<moment>/<n>``.

    Result :class:`DistrictStanding`.
    """

    TYPE: ClassVar[str] = "insurance.district.standing.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = DistrictStanding
    scheme: Scheme
    coverage_year: int
    district_id: int


class DistrictNoticeKind(StrEnum):
    """Why a district, and where it says so its unions, are told."""

    SPLIT_MISSING = "split_missing"
    WINDOW_OPENED = "window_opened"
    WINDOW_CLOSING = "window_closing"
    SUBMISSION_OPENED = "submission_opened"
    SUBMISSION_CLOSING = "submission_closing"
    UNION_PAYMENT_CLOSING = "union_payment_closing"


class Notified(Contract):
    """Who was told; 0 when there was nothing to say."""

    recipients: int


class NotifyDistrict(Command):
    """Put a notice about a campaign before a district and its unions.

    Key ``campaign/<scheme>/<year>/<district_id>/notice/<kind>/<occurrence>``; result :class:`Notified`.
    """

    TYPE: ClassVar[str] = "insurance.district.notify.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = Notified
    scheme: Scheme
    coverage_year: int
    district_id: int
    kind: DistrictNoticeKind
    occurrence: int = Field(1, ge=1, description="day of the occasion as yyyymmdd")


class DistrictClosed(Contract):
    """What lapsed."""

    lists_voided: int
    heads_voided: int


class CloseDistrict(Command):
    """After the last day of submission: what was not submitted to the centre is void, its members free again.

    Key ``campaign/<scheme>/<year>/<district_id>/close/<version>/<n>``; result :class:`DistrictClosed`. Refused with
    ``district-open`` while the service's own clock and calendar say that the phase is not over.
    """

    TYPE: ClassVar[str] = "insurance.district.close.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = DistrictClosed
    scheme: Scheme
    coverage_year: int
    district_id: int


class CampaignTotals(Contract):
    """What a campaign came to, of written-off batches."""

    districts: int
    batches: int
    batches_voided: int
    heads: int
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int
    credit_fen: int


class CloseCampaign(Command):
    """All districts are done: close the campaign. Key ``campaign/<scheme>/<year>/close/<moment>/<n>``.

    Result :class:`CampaignTotals`. Refused with ``batches-open`` while a batch is neither written off nor void.
    """

    TYPE: ClassVar[str] = "insurance.campaign.close.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = CampaignTotals
    scheme: Scheme
    coverage_year: int


class PremiumNoticeKind(StrEnum):
    """Why a district is told about its batch."""

    PASSED = "passed"
    RETURNED = "returned"
    REVIEW_LATE = "review_late"
    PAYMENT_REMINDER = "payment_reminder"
    PAYMENT_LAST_DAY = "payment_last_day"
    OVERDUE = "overdue"
    WRITTEN_OFF = "written_off"
    VOIDED = "voided"


class PremiumState(StrEnum):
    """Where a district's batch stands (参保批次状态)."""

    REVIEWING = "reviewing"
    PASSED = "passed"
    WRITTEN_OFF = "written_off"
    RETURNED = "returned"
    VOIDED = "voided"


class PremiumStanding(Contract):
    """A batch as it is now."""

    state: PremiumState
    due_at: datetime | None
    vouchers: int
    received_fen: int


class NotifyPremium(Command):
    """Put a notice about a batch before its district, by the platform and by e-mail.

    Key ``premium-payment/<number>/notice/<kind>/<occurrence>``; result :class:`PremiumStanding`, so that the workflow
    learns what a lost event would have told it.
    """

    TYPE: ClassVar[str] = "insurance.batch.notify.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PremiumStanding
    batch_number: str
    kind: PremiumNoticeKind
    occurrence: int = Field(1, ge=1, description="of reminders and overdue the day as yyyymmdd, otherwise from 1 on")


class VoidUnpaid(Command):
    """Judge a batch whose last day of payment is over: void it unless it is paid.

    Key ``premium-payment/<number>/void/<n>``; result :class:`PremiumStanding`. Voids only when the service's own clock
    is past the last day and that day's bank statement is reconciled and does not cover what is due; otherwise says
    how the batch stands and changes nothing.
    """

    TYPE: ClassVar[str] = "insurance.batch.void-unpaid.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PremiumStanding
    batch_number: str


class DetailsSent(Contract):
    """The mail partner took them."""

    sent_at: datetime


class SendPaymentDetails(Command):
    """Send the payment details (Excel and PDF) to the batch's e-mail address through the mail partner, once.

    Key ``premium-payment/<number>/details``; result :class:`DetailsSent`.
    """

    TYPE: ClassVar[str] = "insurance.batch.details.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = DetailsSent
    batch_number: str


class PersonalBatched(Contract):
    """How many there were."""

    batches: int
    heads: int


class BatchPersonal(Command):
    """Gather a day's personal enrolments into one batch a district for write-off.

    Key ``personal/<day>/<workflow id>``; result :class:`PersonalBatched`.
    """

    TYPE: ClassVar[str] = "insurance.personal.batch.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = PersonalBatched
    day: date


class ExclusionChunk(Contract):
    """Members to ask the population office about, at most 1,000."""

    member_ids: list[int]
    next: tuple[int, int] | None = Field(description="where the next chunk begins; None: this is the last")
    total: int | None = Field(description="members of the whole check, with the first chunk")
    asked_at: datetime = Field(description="orders what different checks find out about the same member")


class NextExclusions(Command):
    """Whom the population office is to be asked about next (domain 5).

    Of a district: its members in service who hold a card. Of a batch: the members of its centralized lists. Key
    ``exclusion-check/<year>/<district_code>/<opening|batch>/next/<cursor>``; result :class:`ExclusionChunk`. Refused
    with ``unknown-batch``.
    """

    TYPE: ClassVar[str] = "insurance.exclusions.next.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = ExclusionChunk
    district_id: int
    batch_number: str | None = Field(description="None: all of the district")
    after: tuple[int, int] | None = Field(None, description="``next`` of the chunk before; None: the first")


class ExclusionsRecorded(Contract):
    """What changed, in members."""

    excluded: int = Field(description="excluded by this answer, whether known before or not")
    cleared: int = Field(description="excluded before and no more")


class RecordExclusions(Command):
    """Write down what the population office said of one chunk: who is excluded, and nobody else of those asked.

    Key ``exclusion-check/<year>/<district_code>/<opening|batch>/record/<cursor>``; result
    :class:`ExclusionsRecorded`. What a later question has found out stays.
    """

    TYPE: ClassVar[str] = "insurance.exclusions.record.v1"
    TOPIC: ClassVar[str] = COMMANDS
    RESULT: ClassVar[type[Contract]] = ExclusionsRecorded
    coverage_year: int
    district_id: int
    batch_number: str | None
    asked_at: datetime
    asked: list[int] = Field(max_length=1000, description="members with an answer")
    excluded: dict[ExclusionReason, list[int]]
    last: bool = Field(description="the check is complete with this chunk")
