"""The district submits its basket to the centre: one batch, unchangeable (domain 5). All its SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.batches.lists import UNPAID, Season
from insurance_svc.batches.rules import NUMBERS_A_DAY, Money, credit_used, number_of
from insurance_svc.batches.tables import BATCHES
from insurance_svc.ledger import store as ledger
from insurance_svc.ledger.rules import Account
from insurance_svc.personal import PersonalData
from unioncard.dates import shanghai_date
from unioncard.problems import conflict
from unioncard.unit_of_work import Transaction

# The class of advisory locks under which a district's batches and credit change.
_DISTRICT_LOCKS = 0xD157

_RESERVED = sa.text(
    "SELECT coalesce(sum(credit_fen), 0) FROM batches WHERE district_id = :district AND state = 'reviewing'"
)

_NEXT = sa.text("""
    INSERT INTO batch_days (day, last) VALUES (:day, 1) ON CONFLICT (day) DO UPDATE SET last = batch_days.last + 1
    RETURNING last
""")

_TAKE = sa.text(f"""
    WITH taken AS (
        UPDATE enrolments e SET state = 'in_batch', batch_number = :number, return_reason = NULL, changed_at = :now
        WHERE e.district_id = :district AND e.coverage_year = :year AND e.scheme = :scheme AND e.state = 'basket'
          AND NOT {UNPAID}
        RETURNING e.*)
    SELECT count(*) AS lists, coalesce(sum(heads), 0) AS heads, coalesce(sum(fee_fen), 0) AS fee_fen,
        coalesce(sum(subsidy_fen), 0) AS subsidy_fen, coalesce(sum(district_fen), 0) AS district_fen,
        coalesce(sum(union_fen), 0) AS union_fen
    FROM taken
""")  # noqa: S608  # the words above

# Prices are a head's; what the lists say they come to is compared with this by the audit.
_SUMS = sa.text("""
    INSERT INTO batch_sums (batch_number, class_code, term, heads, fee_fen, subsidy_fen, district_fen, union_fen)
    SELECT :number, e.class_code, p.term, sum(p.heads), sum(p.heads * p.fee_fen), sum(p.heads * p.subsidy_fen),
        sum(p.heads * p.district_fen), sum(p.heads * p.union_fen)
    FROM enrolments e JOIN enrolment_prices p ON p.enrolment_id = e.id
    WHERE e.batch_number = :number GROUP BY 1, 2, 3
""")

_CENTRALIZED = sa.text("""
    SELECT EXISTS (SELECT FROM enrolments WHERE district_id = :district AND coverage_year = :year
                   AND scheme = :scheme AND state = 'basket' AND way = 'centralized')
""")


@dataclass(frozen=True, slots=True)
class Operator:
    """Who answers for the batch at the district."""

    name: str
    phone: str
    email: str


async def lock_district(conn: AsyncConnection, district_id: int) -> None:
    """One change of a district's batches and credit at a time."""
    await conn.execute(
        sa.text("SELECT pg_advisory_xact_lock(CAST(:space AS integer), hashint8(:district))"),
        {"space": _DISTRICT_LOCKS, "district": district_id},
    )


async def credit_available(conn: AsyncConnection, district_id: int) -> int:
    """The district's credit (清算分配款) that no batch under the centre's review has taken, in fen."""
    reserved = int(await conn.scalar(_RESERVED, {"district": district_id}) or 0)
    return -await ledger.balance(conn, Account.DISTRICT_CREDIT, district_id) - reserved


async def is_centralized(conn: AsyncConnection, season: Season) -> bool:
    """Whether the basket holds a list of the campaign itself, which the campaign's days judge."""
    return bool(await conn.scalar(_CENTRALIZED, season.values))


async def submit(
    tx: Transaction,
    personal: PersonalData,
    season: Season,
    district_code: str,
    operator: Operator,
    submitted_by: int,
    *,
    centralized: bool,
) -> Any:
    """Make a batch of what is in the basket and paid; its row. Under :func:`lock_district`."""
    available = await credit_available(tx.conn, season.district_id) if centralized else 0
    number = await _next_number(tx)
    taken = (await tx.conn.execute(_TAKE, season.values | {"number": number, "now": tx.now})).one()
    money = Money(*taken)
    if not money.lists:
        raise conflict(
            "nothing-to-submit",
            "没有可以提交的名单",
            "请先将名单移入待提交；集中参保的名单须先登记基层工会缴费。如刚提交过，请查看参保批次。",
        )
    credit = credit_used(available, money)
    row = {
        "number": number,
        "district_id": season.district_id,
        "district_code": district_code,
        "scheme": season.scheme,
        "coverage_year": season.coverage_year,
        "state": "reviewing",
        "lists": money.lists,
        "heads": money.heads,
        "fee_fen": money.fee_fen,
        "subsidy_fen": money.subsidy_fen,
        "district_fen": money.district_fen,
        "union_fen": money.union_fen,
        "credit_fen": credit,
        "due_fen": money.shares_fen - credit,
        "operator_name": personal.encrypt("operator_name", number, operator.name),
        "operator_phone": personal.encrypt("operator_phone", number, operator.phone),
        "operator_email": personal.encrypt("operator_email", number, operator.email),
        "submitted_at": tx.now,
        "submitted_by": submitted_by,
        "changed_at": tx.now,
    }
    batch = (await tx.conn.execute(sa.insert(BATCHES).values(row).returning(BATCHES))).one()
    await tx.conn.execute(_SUMS, {"number": number})
    return batch


async def _next_number(tx: Transaction) -> str:
    """The day's next number; whoever wants one at the same time waits for this transaction."""
    day = shanghai_date(tx.now)
    running = int(await tx.conn.scalar(_NEXT, {"day": day}) or 0)
    if running > NUMBERS_A_DAY:
        raise conflict("numbers-used-up", "今天的批次编号已用完", "请于明天提交；如已是最后一天，请立即联系市总工会。")
    return number_of(day, running)


async def lists_of(conn: AsyncConnection, number: str) -> Sequence[int]:
    """The ids of a batch's lists."""
    query = sa.text("SELECT id FROM enrolments WHERE batch_number = :number AND state = 'in_batch' ORDER BY id")
    return list((await conn.execute(query, {"number": number})).scalars())
