"""All SQL of batches after their submission."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.batches.tables import BATCH_MEMBERS, BATCHES
from card_svc.metadata import ORGANISATIONS
from unioncard.auth import Scope
from unioncard.contracts.cards import BatchDeadlines, Channel
from unioncard.unit_of_work import Transaction

_ACCEPT = sa.text("""
    UPDATE batches SET accepted_at = coalesce(accepted_at, :at), numbers_due_at = :numbers_due, call_due_at = :call_due,
        call_due_provisional = :provisional, state = CASE WHEN state = 'submitted' THEN 'accepted' ELSE state END
    WHERE number = :number AND state <> 'refused'
    RETURNING accepted_at
""")

_REFUSE_BATCH = sa.text("""
    UPDATE batches SET state = 'refused', refused_reason = :reason, failed = members
    WHERE number = :number AND state = 'submitted' AND issued + failed = 0
""")

_REFUSE_MEMBERS = sa.text("""
    WITH refused AS (
        UPDATE batch_members SET outcome = 'failed', reason_code = 'BATCH_REFUSED', reason = :reason, answered_at = :now
        WHERE batch_number = :number AND outcome = 'waiting' RETURNING member_id
    )
    UPDATE cards c SET state = 'failed', version = c.version + 1, failed_code = 'BATCH_REFUSED', failed_reason = :reason
    FROM refused WHERE c.member_id = refused.member_id AND c.state = 'in_batch' AND c.batch_number = :number
    RETURNING c.member_id, c.version, c.state, (SELECT union_id FROM batches WHERE number = :number)
""")

# Counted anew each time, so that no repeat and no lost update can make the counts drift.
_RECOUNT = sa.text("""
    UPDATE batches b SET issued = n.issued, failed = n.failed, collected = n.collected, in_person = n.in_person,
        answered_at = coalesce(:answered_at, b.answered_at),
        state = CASE WHEN b.state IN ('submitted', 'accepted') AND n.issued + n.failed = b.members
                          AND n.collected + n.in_person = n.issued THEN 'completed' ELSE b.state END
    FROM (SELECT batch_number, count(*) FILTER (WHERE outcome = 'issued') AS issued,
                 count(*) FILTER (WHERE outcome = 'failed') AS failed,
                 count(*) FILTER (WHERE pickup = 'collected') AS collected,
                 count(*) FILTER (WHERE pickup = 'in_person') AS in_person
          FROM batch_members WHERE batch_number = ANY(CAST(:numbers AS text[])) GROUP BY batch_number) n
    WHERE b.number = n.batch_number
    RETURNING b.*
""")

_PICK_UP = sa.text("""
    UPDATE batch_members bm SET pickup = new.pickup, picked_up_on = :on
    FROM unnest(CAST(:members AS bigint[]), CAST(:pickups AS text[])) AS new(member_id, pickup)
    WHERE bm.batch_number = :number AND bm.member_id = new.member_id AND bm.outcome = 'issued'
      AND (bm.pickup IS NULL OR bm.pickup = 'in_person' AND new.pickup = 'collected')
    RETURNING bm.member_id, bm.pickup
""")

OVERDUE = (
    "(b.state IN ('submitted', 'accepted') AND b.called_on IS NULL AND b.call_due_at <= :now"
    " AND b.members - b.failed - b.collected - b.in_person > 0)"
)
LATE = "(b.state IN ('submitted', 'accepted') AND b.numbers_due_at <= :now AND b.issued + b.failed < b.members)"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page of batches is narrowed by."""

    number: str | None
    union_id: int | None
    channel: Channel | None
    submitted_from: datetime | None
    submitted_until: datetime | None
    printed: bool | None
    late: bool | None
    overdue: bool | None


async def by_numbers(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Batches by number."""
    rows = await conn.execute(sa.select(BATCHES).where(BATCHES.c.number.in_(numbers)))
    return {row.number: row for row in rows}


async def locked(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Batches by number, locked in their order: whoever changes a batch waits for the one before."""
    query = sa.select(BATCHES).where(BATCHES.c.number.in_(numbers)).order_by(BATCHES.c.number).with_for_update()
    return {row.number: row for row in await conn.execute(query)}


async def find(conn: AsyncConnection, scope: Scope, number: str, *, lock: bool = False) -> sa.Row[Any] | None:
    """A batch in the caller's scope, with the union's name."""
    query = (
        sa.select(BATCHES, ORGANISATIONS.c.name.label("union_name"))
        .join(ORGANISATIONS, ORGANISATIONS.c.id == BATCHES.c.union_id)
        .where(BATCHES.c.number == number, scope.covers(ORGANISATIONS.c.path))
    )
    if lock:
        query = query.with_for_update(of=BATCHES)
    return (await conn.execute(query)).one_or_none()


async def find_all(conn: AsyncConnection, scope: Scope, numbers: Sequence[str]) -> Sequence[sa.Row[Any]]:
    """Batches in the caller's scope by number, with the union's name."""
    query = (
        sa.select(BATCHES, ORGANISATIONS.c.name.label("union_name"))
        .join(ORGANISATIONS, ORGANISATIONS.c.id == BATCHES.c.union_id)
        .where(BATCHES.c.number.in_(numbers), scope.covers(ORGANISATIONS.c.path))
        .order_by(BATCHES.c.number)
    )
    return (await conn.execute(query)).all()


async def page(
    conn: AsyncConnection, scope: Scope, filters: Filters, now: datetime, before_id: int | None, limit: int
) -> tuple[Sequence[sa.Row[Any]], int | None]:
    """Batches, the newest first; and how many there are, for the first page."""
    conditions, values = _narrowed(filters)
    values |= {"scope": scope.pattern, "now": now}
    from_where = f"""
        FROM batches b JOIN organisations o ON o.id = b.union_id
        WHERE o.path LIKE :scope AND CAST(:now AS timestamptz) IS NOT NULL{conditions}
    """
    total = None
    if before_id is None:
        total = await conn.scalar(sa.text(f"SELECT count(*) {from_where}"), values)  # ours
    else:
        from_where += " AND b.id < :before"
        values["before"] = before_id
    query = sa.text(f"SELECT b.*, o.name AS union_name {from_where} ORDER BY b.id DESC LIMIT :limit")
    return (await conn.execute(query, values | {"limit": limit})).all(), total


def _narrowed(filters: Filters) -> tuple[str, dict[str, Any]]:
    wanted: Mapping[str, tuple[str, Any]] = {
        "b.number = :number": ("number", filters.number),
        "b.union_id = :union": ("union", filters.union_id),
        "b.channel = :channel": ("channel", filters.channel.value if filters.channel else None),
        "b.submitted_at >= :since": ("since", filters.submitted_from),
        "b.submitted_at < :until": ("until", filters.submitted_until),
        "(b.register_printed_at IS NOT NULL) = :printed": ("printed", filters.printed),
        f"coalesce({LATE}, false) = :late": ("late", filters.late),
        f"coalesce({OVERDUE}, false) = :overdue": ("overdue", filters.overdue),
    }
    given = {condition: pair for condition, pair in wanted.items() if pair[1] is not None}
    return "".join(f" AND {condition}" for condition in given), dict(given.values())


async def members(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """Every member of a batch, in the register's order, with what is sent to the bank."""
    query = sa.select(BATCH_MEMBERS).where(BATCH_MEMBERS.c.batch_number == number).order_by(BATCH_MEMBERS.c.place)
    return (await conn.execute(query)).all()


async def members_page(
    conn: AsyncConnection, number: str, outcome: str | None, after_place: int, limit: int
) -> Sequence[sa.Row[Any]]:
    """Members of a batch with the card they have, in the register's order."""
    narrowed = " AND bm.outcome = :outcome" if outcome else ""
    query = sa.text(f"""
        SELECT bm.*, CASE WHEN c.card_hash = bm.card_hash THEN c.card_number END AS card_number
        FROM batch_members bm LEFT JOIN cards c ON c.member_id = bm.member_id
        WHERE bm.batch_number = :number AND bm.place > :after{narrowed} ORDER BY bm.place LIMIT :limit
    """)  # noqa: S608  # the condition above
    values = {"number": number, "after": after_place, "limit": limit} | ({"outcome": outcome} if outcome else {})
    return (await conn.execute(query, values)).all()


async def accept(conn: AsyncConnection, number: str, at: datetime, due: BatchDeadlines) -> datetime:
    """The bank has the batch; the first receipt counts."""
    values = {
        "number": number,
        "at": at,
        "numbers_due": due.numbers_due_at,
        "call_due": due.call_due_at,
        "provisional": due.call_due_provisional,
    }
    accepted_at: datetime | None = await conn.scalar(_ACCEPT, values)
    return accepted_at or at


async def refuse(tx: Transaction, number: str, reason: str) -> list[Any]:
    """The bank will never take the batch: its members are free to be added again. Returns their new card states."""
    if (await tx.conn.execute(_REFUSE_BATCH, {"number": number, "reason": reason})).rowcount == 0:
        return []
    values = {"number": number, "reason": reason, "now": tx.now}
    return list(await tx.conn.execute(_REFUSE_MEMBERS, values))


async def recount(conn: AsyncConnection, numbers: Sequence[str], answered_at: datetime | None = None) -> list[Any]:
    """Count batches anew and complete those that are done; the rows as they are then."""
    return list(await conn.execute(_RECOUNT, {"numbers": list(numbers), "answered_at": answered_at}))


async def issued_members(conn: AsyncConnection, number: str) -> dict[int, str | None]:
    """How each issued card of a batch was accounted for."""
    columns = BATCH_MEMBERS.c
    query = sa.select(columns.member_id, columns.pickup).where(
        columns.batch_number == number, columns.outcome == "issued"
    )
    return {row.member_id: row.pickup for row in await conn.execute(query)}


async def pick_up(conn: AsyncConnection, number: str, pickups: Mapping[int, str], on: date) -> Sequence[sa.Row[Any]]:
    """Record pickups that are news; returns those."""
    values = {"number": number, "members": list(pickups), "pickups": list(pickups.values()), "on": on}
    return (await conn.execute(_PICK_UP, values)).all()


async def set_called(conn: AsyncConnection, number: str, on: date) -> None:
    """The day on which the bank called."""
    await conn.execute(sa.update(BATCHES).where(BATCHES.c.number == number).values(called_on=on))


async def set_printed(conn: AsyncConnection, number: str, at: datetime) -> bool:
    """The first print of the register; whether this was it."""
    columns = BATCHES.c
    query = sa.update(BATCHES).where(columns.number == number, columns.register_printed_at.is_(None))
    return (await conn.execute(query.values(register_printed_at=at))).rowcount == 1


async def close(conn: AsyncConnection, number: str, at: datetime, reason: str) -> bool:
    """Close a batch that the bank has; whether it was in a state to be closed."""
    columns = BATCHES.c
    query = sa.update(BATCHES).where(columns.number == number, columns.state == "accepted")
    return (await conn.execute(query.values(state="closed", closed_at=at, close_reason=reason))).rowcount == 1
