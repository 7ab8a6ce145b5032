"""Taking in a bank statement and settling its rows. No HTTP here."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from insurance_svc.batches import store as batches
from insurance_svc.ledger import rules as postings
from insurance_svc.ledger import store as ledger
from insurance_svc.ledger.rules import UNKNOWN_DISTRICT, UNKNOWN_YEAR
from insurance_svc.payments import store
from insurance_svc.payments.rules import Claim, Line, Match, Outcome, Settlement, judge, match, number_in
from unioncard.contracts.insurance import PremiumState, StatementReconciled
from unioncard.problems import Problem, RowError, conflict, not_found
from unioncard.unit_of_work import Transaction


async def take_in(
    tx: Transaction,
    lines: Sequence[Line],
    sealed: Mapping[str, tuple[str, str]],
    first_day: date,
    last_day: date,
    by: int,
) -> list[Match]:
    """Keep the statement of these days and match each movement; a day counts once, so does a movement."""
    await store.lock(tx.conn)
    await _must_be_new(tx, lines, first_day, last_day)
    wanted = sorted({number for line in lines if (number := number_in(line.remark))})
    rows = await batches.locked(tx.conn, wanted)
    matches = match(lines, {number: claim_of(row) for number, row in rows.items()})
    days = _days(lines, first_day, last_day)
    await store.add(tx, days, matches, sealed, by)
    await ledger.post(tx, [_received(one, rows) for one in matches])
    unknown = {one.line.day for one in matches if one.outcome is Outcome.WRONG_REFERENCE}
    for day in days:
        if day not in unknown:
            tx.publish(StatementReconciled(day=day), key="statements", subject=day.isoformat())
    counted = {outcome.value: sum(1 for one in matches if one.outcome is outcome) for outcome in Outcome}
    after = {"first_day": first_day, "last_day": last_day, "lines": len(lines), **counted}
    tx.audit("statement.loaded", f"statement:{last_day}", after=after)
    return matches


async def _must_be_new(tx: Transaction, lines: Sequence[Line], first_day: date, last_day: date) -> None:
    if loaded := await store.loaded_days(tx.conn, first_day, last_day):
        named = "、".join(day.isoformat() for day in loaded[:10])
        raise conflict("statement-loaded", "所选日期的对账单已经导入", f"已导入：{named}。每日的对账单只能导入一次。")
    if known := await store.known_references(tx.conn, [line.reference for line in lines]):
        rows = [
            RowError(
                line=number,
                name="",
                number=line.reference,
                field="流水号",
                reason="这笔流水已在其他日期导入",
                remedy="请核对文件是否选错，或从文件中去掉该行",
            )
            for number, line in enumerate(lines, start=2)
            if line.reference in known
        ]
        raise Problem(409, "movement-loaded", f"有 {len(known)} 笔流水已经导入", "没有导入任何内容。", rows=rows)


def _days(lines: Sequence[Line], first_day: date, last_day: date) -> dict[date, tuple[int, int]]:
    """Each day of the period with its movements and their sum, days without movements too."""
    period = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
    found = {day: [line.amount_fen for line in lines if line.day == day] for day in period}
    return {day: (len(amounts), sum(amounts)) for day, amounts in found.items()}


def _received(one: Match, rows: Mapping[str, Any]) -> postings.Posting:
    batch = rows[one.number] if one.number else None
    district = batch.district_id if batch is not None else UNKNOWN_DISTRICT
    year = batch.coverage_year if batch is not None else UNKNOWN_YEAR
    return postings.received(one.line.reference, district, year, one.line.amount_fen, one.counted_fen)


def claim_of(row: Any) -> Claim:
    """What a batch's row waits for."""
    return Claim(row.number, PremiumState(row.state), row.due_on, row.due_fen, row.received_fen)


async def settle(
    tx: Transaction, reference: str, settlement: Settlement, number: str | None, note: str, by: int
) -> None:
    """Settle a row that is not exact: attach it to a batch, give back what is too much, or keep it as credit."""
    await store.lock(tx.conn)
    row = await store.line(tx.conn, reference)
    if row is None:
        raise not_found("这笔流水")
    if row.outcome == Outcome.EXACT or row.settlement is not None:
        raise conflict("line-settled", "这笔流水无需处理或已经处理", "请刷新列表。")
    if settlement is Settlement.ATTACHED:
        assert number is not None  # the request says so
        await _attach(tx, row, number, note, by)
    else:
        await _give_back(tx, row, settlement, note, by)
    if row.outcome == Outcome.WRONG_REFERENCE and not await store.open_days(tx.conn, row.day, row.day):
        tx.publish(StatementReconciled(day=row.day), key="statements", subject=row.day.isoformat())
    after = {"settlement": settlement.value, "batch_number": number, "note": note}
    tx.audit("statement.settled", f"statement-line:{reference}", before={"outcome": row.outcome}, after=after)


async def _attach(tx: Transaction, row: Any, number: str, note: str, by: int) -> None:
    """Judge the movement anew against the batch it was meant for; what is too much of it stays to be settled."""
    if row.counted_fen:
        raise conflict("line-counted", "这笔流水已计入其批次", "多缴的部分请退回或转为清算分配款；少缴的请等待补足。")
    rows = await batches.locked(tx.conn, sorted({number, *([row.batch_number] if row.batch_number else [])}))
    batch = rows.get(number)
    if batch is None:
        raise not_found("这个参保批次")
    outcome, counted = judge(claim_of(batch), row.day, row.amount_fen)
    if not counted:
        raise conflict(
            "cannot-attach",
            f"不能计入该批次：{outcome.label}",
            "批次须为待缴费且尚未缴足，款项的起息日不晚于缴费截止日；否则请退回款项。",
        )
    before = rows[row.batch_number] if row.batch_number else None
    left = postings.left(
        row.bank_reference,
        number,
        before.district_id if before is not None else UNKNOWN_DISTRICT,
        before.coverage_year if before is not None else UNKNOWN_YEAR,
        row.amount_fen,
    )
    money = batches.money_of(batch)
    await ledger.post(tx, [left, postings.attached(row.bank_reference, money, row.amount_fen, counted)])
    settled = outcome is Outcome.EXACT
    await store.change_line(
        tx,
        row.bank_reference,
        batch_number=number,
        outcome=outcome.value,
        counted_fen=counted,
        note=note,
        **({"settlement": "attached", "settled_by": by, "settled_at": tx.now} if settled else {}),
    )
    await store.receive(tx, {number: counted})


async def _give_back(tx: Transaction, row: Any, settlement: Settlement, note: str, by: int) -> None:
    left = row.amount_fen - row.counted_fen
    if not left:
        raise conflict("nothing-left", "这笔流水已全部计入批次", "请等待余款补足；如批次作废，再退回款项。")
    batch = (await batches.by_numbers(tx.conn, [row.batch_number])).get(row.batch_number) if row.batch_number else None
    if settlement is Settlement.CREDITED and batch is None:
        raise conflict("sender-unknown", "不知道款项属于哪个区局，不能转为清算分配款", "请先对应批次，或退回款项。")
    district = batch.district_id if batch is not None else UNKNOWN_DISTRICT
    year = batch.coverage_year if batch is not None else UNKNOWN_YEAR
    post = postings.refunded if settlement is Settlement.REFUNDED else postings.credited
    await ledger.post(tx, [post(row.bank_reference, district, year, left)])
    values = {"settlement": settlement.value, "settled_by": by, "settled_at": tx.now, "note": note}
    await store.change_line(tx, row.bank_reference, **values)
