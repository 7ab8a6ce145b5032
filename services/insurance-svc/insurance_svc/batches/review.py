"""What the centre does with a batch: pass, return, write off; and what happens when nobody pays. No HTTP here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from insurance_svc.batches import events, rules, store, submission
from insurance_svc.enrolments.release import release_lists
from insurance_svc.ledger import store as ledger
from insurance_svc.ledger.rules import passed as passed_posting
from insurance_svc.ledger.rules import voided as voided_posting
from insurance_svc.payments import store as payments
from insurance_svc.seasons import store as seasons
from unioncard.contracts.insurance import Phase, PremiumState
from unioncard.dates import day_end_exclusive, day_in_words, shanghai_date
from unioncard.problems import conflict, not_found
from unioncard.unit_of_work import Transaction


async def locked(tx: Transaction, number: str, wanted: PremiumState) -> Any:
    """The batch, locked, or a problem unless it may become ``wanted``."""
    row = await store.locked_one(tx.conn, number)
    if row is None:
        raise not_found("这个参保批次")
    if wanted not in rules.STEPS.get(PremiumState(row.state), ()):
        raise conflict(
            "batch-state",
            f"该批次{rules.STATE_LABELS[PremiumState(row.state)]}，不能进行此项操作",
            "请刷新后按批次现在的状态办理。",
            state=row.state,
        )
    return row


@dataclass(frozen=True, slots=True)
class Passing:
    """Who passes a batch, and by which of the settings. ``unchecked_reason``: why before the population office has
    answered, where that is wanted; ``check_hours``: so long after submission it must be."""

    by: int
    instant_days: int
    check_hours: int
    unchecked_reason: str | None = None


async def pass_batch(tx: Transaction, number: str, passing: Passing) -> Any:
    """The centre passes the batch: from now on money may move, until the last day (G19 67).

    Not before the population office has been asked about every member of a campaign's list (domain 5).
    """
    known = (await store.by_numbers(tx.conn, [number])).get(number)
    if known is None:
        raise not_found("这个参保批次")
    # Before the batch, as whoever changes the calendar does.
    await seasons.hold(tx.conn, known.coverage_year)
    row = await locked(tx, number, PremiumState.PASSED)
    phases = await seasons.phases(tx.conn, row.scheme, row.coverage_year, row.district_id)
    payment = phases.get(Phase.PAYMENT)
    today = shanghai_date(tx.now)
    centralized = await store.is_centralized(tx.conn, number)
    if centralized:
        _must_be_checked(tx, row, passing)
    due_on = rules.due_on(centralized, payment.last_day if payment else None, today, passing.instant_days)
    if due_on < today:
        raise conflict(
            "payment-over",
            f"缴费已于{day_in_words(due_on)}截止，不能再审核通过",
            "请退回该批次，会员可办理即时参保；或请市总工会延长缴费阶段后再审核。",
        )
    row = await store.change(
        tx, number, state=PremiumState.PASSED, reviewed_at=tx.now, reviewed_by=passing.by, due_on=due_on
    )
    await ledger.post(tx, [passed_posting(store.money_of(row))])
    events.reviewed(tx, row)
    after = {"due_on": due_on, "due_fen": row.due_fen, "checked_at": row.exclusions_checked_at}
    if passing.unchecked_reason is not None:
        after["unchecked_reason"] = passing.unchecked_reason
    tx.audit("batch.passed", f"batch:{number}", organisation_id=row.district_id, after=after)
    return row


def _must_be_checked(tx: Transaction, row: Any, passing: Passing) -> None:
    """A problem while the population office may still answer, unless a reason says why not to wait."""
    until = row.submitted_at + timedelta(hours=passing.check_hours)
    if row.exclusions_checked_at is None and passing.unchecked_reason is None and tx.now < until:
        raise conflict(
            "exclusions-unchecked",
            "市人口办尚未核查完该批次的会员，暂不能审核通过",
            f"请稍候刷新，核查通常几分钟内完成；确需先行通过的，请填写原因后再提交。"
            f"自提交起满 {passing.check_hours} 小时仍未核查完的，可直接审核通过。",
            until=until.isoformat(),
        )


async def return_batch(tx: Transaction, number: str, by: int, reason: str) -> Any:
    """The centre returns the batch: its lists lie before the district again.

    After the campaign's last day of submission the district could do nothing with them; then they are void and their
    members free for instant enrolment.
    """
    row = await locked(tx, number, PremiumState.RETURNED)
    phases = await seasons.phases(tx.conn, row.scheme, row.coverage_year, row.district_id)
    submission_days = phases.get(Phase.DISTRICT_SUBMISSION)
    centralized = await store.is_centralized(tx.conn, number)
    lapsed = centralized and submission_days is not None and submission_days.over(tx.now)
    if lapsed:
        ids: Sequence[int] = await submission.lists_of(tx.conn, number)
        await release_lists(tx, ids, "voided", f"市职保中心退回时提交已截止：{reason}"[:2000])
    else:
        ids = await store.back_to_review(tx, number, reason)
    row = await store.change(
        tx, number, state=PremiumState.RETURNED, reviewed_at=tx.now, reviewed_by=by, return_reason=reason
    )
    events.reviewed(tx, row)
    after = {"reason": reason, "lists": list(ids), "lapsed": lapsed}
    tx.audit("batch.returned", f"batch:{number}", organisation_id=row.district_id, after=after)
    return row


async def write_off(tx: Transaction, numbers: Sequence[str], by: int) -> Sequence[Any]:
    """Write off (核销) those of these batches that are paid: their cover is definite. Returns their rows."""
    await store.locked(tx.conn, numbers)
    rows = await store.write_off(tx, numbers, by)
    for row in rows:
        events.written_off(tx, row)
        after = {"received_fen": row.received_fen, "due_fen": row.due_fen}
        tx.audit("batch.written-off", f"batch:{row.number}", organisation_id=row.district_id, after=after)
    return rows


async def void_batch(tx: Transaction, row: Any) -> Any:
    """Nobody paid in time: the batch is void, its members fall back to *card without cover*. ``row`` is locked."""
    reason = (
        f"截至{day_in_words(row.due_on)}未足额缴费，"
        f"应缴{rules.yuan(row.due_fen)}元，及时到账{rules.yuan(row.received_fen)}元"
    )
    await release_lists(tx, await submission.lists_of(tx.conn, row.number), "voided", reason)
    await ledger.post(tx, [voided_posting(store.money_of(row))])
    await payments.uncount(tx, row.number)
    row = await store.change(tx, row.number, state=PremiumState.VOIDED, voided_at=tx.now, void_reason=reason)
    events.voided(tx, row)
    after = {"due_on": row.due_on, "due_fen": row.due_fen, "received_fen": row.received_fen}
    tx.audit("batch.voided", f"batch:{row.number}", organisation_id=row.district_id, after=after)
    return row


async def void_unless_paid(tx: Transaction, number: str) -> Any:
    """Judge a batch after its last day of payment; its row as it is then, None if there is none.

    Void only when this service's own clock is past the last day, and every day on which the money could have come is
    reconciled without it: what the bank took in on the last day is known only from that day's statement.
    """
    row = await store.locked_one(tx.conn, number)
    if row is None or row.state != PremiumState.PASSED or row.received_fen >= row.due_fen:
        return row
    if tx.now < day_end_exclusive(row.due_on):
        return row
    if not await payments.reconciled(tx.conn, shanghai_date(row.reviewed_at), row.due_on):
        return row
    return await void_batch(tx, row)
