"""The life of a card batch (domain 4.4–4.6) as tables, and what follows from its dates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, Field

from unioncard.contracts.cards import BatchCounts, BatchDeadlines, Channel
from unioncard.dates import SHANGHAI, day_end_exclusive, shanghai_date
from unioncard.holidays import Calendar, add_days_with_holidays

BATCH_LIMIT = 1000
NUMBERS_WITHIN_DAYS = 3
CALL_WITHIN_DAYS = 15
REGISTER = "上海工会会员服务卡批量开户汇总表"
# A minute's number without suffix, then 01 to 99.
NUMBERS_A_MINUTE = 100


class BatchState(StrEnum):
    """Where a batch stands."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    COMPLETED = "completed"
    CLOSED = "closed"


STEPS: Mapping[BatchState, frozenset[BatchState]] = {
    # the bank takes it or refuses it; its answers may overtake its receipt (domain 4.5). Decision: not closed before
    # the bank has it, since nobody would then ever answer for its members
    BatchState.SUBMITTED: frozenset({BatchState.ACCEPTED, BatchState.REFUSED, BatchState.COMPLETED}),
    # every member answered and every card accounted for; or staff close it with a reason (domain 4.5)
    BatchState.ACCEPTED: frozenset({BatchState.COMPLETED, BatchState.CLOSED}),
    BatchState.REFUSED: frozenset(),
    BatchState.COMPLETED: frozenset(),
    BatchState.CLOSED: frozenset(),
}

STATE_LABELS: Mapping[BatchState, str] = {
    BatchState.SUBMITTED: "已提交，待银行受理",
    BatchState.ACCEPTED: "银行已受理",
    BatchState.REFUSED: "银行未受理",
    BatchState.COMPLETED: "已办结",
    BatchState.CLOSED: "已关闭",
}


class Pickup(StrEnum):
    """How a card was accounted for (domain 4.6)."""

    COLLECTED = "collected"
    IN_PERSON = "in_person"


PICKUP_STEPS: Mapping[Pickup | None, frozenset[Pickup]] = {
    # the union's operator collected it, or the bank gave a notice letter (领卡告知函) for the member
    None: frozenset({Pickup.COLLECTED, Pickup.IN_PERSON}),
    # the member came with the letter
    Pickup.IN_PERSON: frozenset({Pickup.COLLECTED}),
    Pickup.COLLECTED: frozenset(),
}


class Paper(BaseModel):
    """One paper to bring."""

    name: str
    copies: int
    stamped: bool = Field(description="需加盖公章")
    printable: str | None = Field(None, description="平台可打印的地址")
    note: str | None = None


def papers(channel: Channel, members: int, today: date, copies_end_on: date | None) -> list[Paper]:
    """What to bring to the outlet (domain 4.6, G19 44, 48); ``copies_end_on``: from then on no members' copies."""
    if channel is Channel.SPECIAL:
        note = "由会员本人携带，到上海农商银行任意网点办理"
        return [
            Paper(name=REGISTER, copies=1, stamped=True, printable="register.pdf", note=note),
            Paper(name="会员本人的有效身份证件原件", copies=1, stamped=False),
        ]
    listed = [
        Paper(name="个人银行结算账户管理协议（上海工会会员服务卡用）", copies=2, stamped=True, note="一式两份"),
        Paper(name="集体申请个人银行结算账户领用收据（上海工会会员服务卡用）", copies=1, stamped=True),
        Paper(name=REGISTER, copies=1, stamped=True, printable="register.pdf", note="即清册"),
        Paper(name="工会经办人身份证件原件及复印件", copies=1, stamped=False),
    ]
    if copies_end_on is None or today < copies_end_on:
        note = "不愿提交复印件的会员不能代领，由银行出具领卡告知函，会员本人持身份证件领取"
        listed.append(Paper(name="本批次会员身份证件复印件", copies=members, stamped=False, note=note))
    return listed


@dataclass(frozen=True, slots=True)
class Milestones:
    """What of a batch decides whether it is late or overdue."""

    state: BatchState
    counts: BatchCounts
    numbers_due_at: datetime | None
    call_due_at: datetime | None
    called_on: date | None


def counts(members: int, issued: int, failed: int, collected: int, in_person: int) -> BatchCounts:
    """The counts of a batch: ``waiting + issued + failed = members``."""
    return BatchCounts(
        waiting=members - issued - failed,
        issued=issued,
        failed=failed,
        collected=collected,
        in_person=in_person,
        unaccounted=issued - collected - in_person,
    )


def deadlines(channel: Channel, submitted_at: datetime, calendar: Calendar) -> BatchDeadlines:
    """Numbers within three calendar days, the bank's call within 15 plus statutory holidays (domain 4.5).

    The day of submission is not counted. Whoever comes on the special channel is served in person: no deadlines.
    """
    if channel is Channel.SPECIAL:
        return BatchDeadlines(numbers_due_at=None, call_due_at=None, call_due_provisional=False)
    day = shanghai_date(submitted_at)
    call = add_days_with_holidays(day, CALL_WITHIN_DAYS, calendar)
    return BatchDeadlines(
        numbers_due_at=day_end_exclusive(day + timedelta(days=NUMBERS_WITHIN_DAYS)),
        call_due_at=day_end_exclusive(call.last_day),
        call_due_provisional=call.provisional,
    )


def is_late(batch: Milestones, now: datetime) -> bool:
    """Numbers are missing after the three days (domain 4.5)."""
    open_ = batch.state in (BatchState.SUBMITTED, BatchState.ACCEPTED)
    return open_ and batch.counts.waiting > 0 and batch.numbers_due_at is not None and now >= batch.numbers_due_at


def is_overdue(batch: Milestones, now: datetime) -> bool:
    """The bank has not called after the 15 days, though there is or may be something to collect (domain 4.5)."""
    open_ = batch.state in (BatchState.SUBMITTED, BatchState.ACCEPTED)
    expected = batch.counts.waiting + batch.counts.unaccounted > 0
    return open_ and expected and batch.called_on is None and batch.call_due_at is not None and now >= batch.call_due_at


def number_stem(district_code: str, submitted_at: datetime) -> str:
    """``cbc`` + district + Shanghai minute: ``cbc363202404291502`` [M24]."""
    return f"cbc{district_code}{submitted_at.astimezone(SHANGHAI):%Y%m%d%H%M}"


def batch_number(stem: str, place: int) -> str:
    """The ``place``-th number of a stem: the stem itself, then two digits more (domain 4.4)."""
    if not 0 <= place < NUMBERS_A_MINUTE:
        raise ValueError("a minute has 100 numbers")
    return stem if place == 0 else f"{stem}{place:02d}"


def sizes(total: int) -> list[int]:
    """How a submission is divided into batches: full thousands, then the rest.

    Decision: one submission takes every record of its channel; a union of more than 1,000 gets several batches.
    """
    full, rest = divmod(total, BATCH_LIMIT)
    return [BATCH_LIMIT] * full + ([rest] if rest else [])


def refuses_for_good(status: int) -> bool:
    """Whether a 4xx of the bank means that it will never take the batch.

    409 does not: the bank has a batch of this number, and will answer for it.
    """
    return 400 <= status < 500 and status != 409
