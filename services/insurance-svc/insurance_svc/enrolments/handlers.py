"""``insurance.personal.batch.v1``: a day's personal enrolments become one batch a district and year, to be written off.

The members' cards pay, so there is nothing for the centre to review: the batches are passed as they are made.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from insurance_svc.batches.rules import NUMBERS_A_DAY, number_of
from insurance_svc.ledger import rules as postings
from insurance_svc.ledger import store as ledger
from insurance_svc.ledger.rules import BatchMoney
from insurance_svc.personal import PersonalData
from unioncard.contracts.insurance import BatchPersonal, PersonalBatched
from unioncard.dates import day_end_exclusive, shanghai_date
from unioncard.messaging.handling import CommandHandler, Message, Outcome, Refused, Succeeded
from unioncard.problems import conflict
from unioncard.unit_of_work import Transaction

_DUE = """e.scheme = 'personal' AND e.state = 'submitted' AND e.submitted_at < :until"""

_GROUPS = sa.text(f"""
    SELECT e.district_id, e.coverage_year, coalesce(min(o.district_code), '') AS district_code
    FROM enrolments e LEFT JOIN organisations o ON o.id = e.district_id
    WHERE {_DUE} GROUP BY 1, 2 ORDER BY 1, 2
""")  # noqa: S608  # the words above

_NUMBERS = sa.text("""
    INSERT INTO batch_days (day, last) VALUES (:day, :count)
    ON CONFLICT (day) DO UPDATE SET last = batch_days.last + :count RETURNING last
""")

# Lists that come meanwhile and have no batch here wait for the next day's.
_TAKE = sa.text(f"""
    WITH wanted AS (
        SELECT * FROM unnest(
            CAST(:numbers AS text[]), CAST(:districts AS bigint[]), CAST(:codes AS text[]), CAST(:years AS smallint[]),
            CAST(:names AS text[]), CAST(:phones AS text[]), CAST(:emails AS text[]))
        AS new(number, district_id, district_code, coverage_year, name, phone, email)
    ), taken AS (
        UPDATE enrolments e SET state = 'in_batch', batch_number = w.number, changed_at = :now
        FROM wanted w
        WHERE {_DUE} AND e.district_id = w.district_id AND e.coverage_year = w.coverage_year
        RETURNING e.*
    )
    INSERT INTO batches (
        number, district_id, district_code, scheme, coverage_year, state, lists, heads, fee_fen, subsidy_fen,
        district_fen, union_fen, credit_fen, due_fen, operator_name, operator_phone, operator_email, submitted_at,
        submitted_by, changed_at, reviewed_at, due_on)
    SELECT w.number, w.district_id, w.district_code, 'personal', w.coverage_year, 'passed', count(*), sum(t.heads),
        sum(t.fee_fen), sum(t.subsidy_fen), sum(t.district_fen), sum(t.union_fen), 0,
        sum(t.district_fen + t.union_fen), w.name, w.phone, w.email, :now, 0, :now, :now, :due_on
    FROM wanted w JOIN taken t ON t.batch_number = w.number
    GROUP BY w.number, w.district_id, w.district_code, w.coverage_year, w.name, w.phone, w.email
    RETURNING *
""")  # noqa: S608  # the words above

_SUMS = sa.text("""
    INSERT INTO batch_sums (batch_number, class_code, term, heads, fee_fen, subsidy_fen, district_fen, union_fen)
    SELECT e.batch_number, e.class_code, p.term, sum(p.heads), sum(p.heads * p.fee_fen), sum(p.heads * p.subsidy_fen),
        sum(p.heads * p.district_fen), sum(p.heads * p.union_fen)
    FROM enrolments e JOIN enrolment_prices p ON p.enrolment_id = e.id
    WHERE e.batch_number = ANY(:numbers) GROUP BY 1, 2, 3
""")


def batch_personal(personal: PersonalData, payment_days: int) -> CommandHandler:
    """The handler; batches are due ``payment_days`` after they were made."""

    async def handle(tx: Transaction, messages: Sequence[Message[BatchPersonal]]) -> Sequence[Outcome]:
        return [await _batch(tx, personal, payment_days, message.data) for message in messages]

    return handle


async def _batch(tx: Transaction, personal: PersonalData, payment_days: int, command: BatchPersonal) -> Outcome:
    until = day_end_exclusive(command.day)
    if tx.now < until:
        return Refused("day-not-over", f"{command.day}尚未结束，当日的个人参保还不能汇总。")
    rows = await _make(tx, personal, payment_days, until)
    if rows:
        await tx.conn.execute(_SUMS, {"numbers": [row.number for row in rows]})
        await ledger.post(tx, [postings.passed(_money(row)) for row in rows])
    for row in rows:
        after = {"heads": row.heads, "due_fen": row.due_fen, "day": command.day}
        tx.audit("batch.personal", f"batch:{row.number}", organisation_id=row.district_id, after=after)
    return Succeeded(PersonalBatched(batches=len(rows), heads=sum(row.heads for row in rows)))


async def _make(tx: Transaction, personal: PersonalData, payment_days: int, until: datetime) -> Sequence[sa.Row[Any]]:
    groups = (await tx.conn.execute(_GROUPS, {"until": until})).all()
    if not groups:
        return []
    day = shanghai_date(tx.now)
    last = int((await tx.conn.execute(_NUMBERS, {"day": day, "count": len(groups)})).scalar_one())
    if last > NUMBERS_A_DAY:
        raise conflict("numbers-used-up", "今天的批次编号已用完", "个人参保将于次日汇总。")
    numbers = [number_of(day, running) for running in range(last - len(groups) + 1, last + 1)]
    values = {
        "numbers": numbers,
        "districts": [group.district_id for group in groups],
        "codes": [group.district_code for group in groups],
        "years": [group.coverage_year for group in groups],
        # Nobody at the district answers for them.
        "names": [personal.encrypt("operator_name", number, "个人参保") for number in numbers],
        "phones": [personal.encrypt("operator_phone", number, "") for number in numbers],
        "emails": [personal.encrypt("operator_email", number, "") for number in numbers],
        "until": until,
        "now": tx.now,
        "due_on": day + timedelta(days=payment_days),
    }
    return (await tx.conn.execute(_TAKE, values)).all()


def _money(row: Any) -> BatchMoney:
    return BatchMoney(
        number=row.number,
        district_id=row.district_id,
        coverage_year=row.coverage_year,
        fee_fen=row.fee_fen,
        subsidy_fen=row.subsidy_fen,
        credit_fen=row.credit_fen,
        due_fen=row.due_fen,
        received_fen=row.received_fen,
    )
