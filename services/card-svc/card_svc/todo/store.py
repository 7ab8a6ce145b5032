"""All SQL of the to-do list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import Step
from card_svc.cards import store as cards
from card_svc.cards.rules import DEMANDS_SPECIAL
from card_svc.cards.tables import COMPLETE, DOCUMENT_TYPE, EXPIRY, NATIONALITY
from card_svc.todo.rules import CheckState
from unioncard.auth import Scope
from unioncard.contracts.cards import Channel
from unioncard.documents import DocumentType
from unioncard.unit_of_work import Transaction

_STATES = "coalesce(c.state, 'none')"

_CANDIDATES = sa.text(f"""
    SELECT m.id, m.name, m.document_number, m.kind, m.state, m.number, {_STATES} AS card_state
    FROM members m LEFT JOIN cards c ON c.member_id = m.id
    WHERE m.union_id = :union AND m.id = ANY(:ids)
""")  # noqa: S608  # the constant above

_WAITING_ELSEWHERE = sa.text(f"""
    SELECT count(*) FILTER (WHERE m.kind <> 'employed') AS not_employed,
           count(*) FILTER (WHERE m.kind = 'employed' AND m.state <> 'normal') AS not_normal,
           count(*) FILTER (WHERE m.kind = 'employed' AND m.state = 'normal' AND m.number IS NULL) AS no_number
    FROM members m LEFT JOIN cards c ON c.member_id = m.id
    WHERE m.union_id = :union AND {_STATES} IN ('none', 'failed')
""")  # noqa: S608  # the constant above

# One statement for one member and for 10,000: the guard is in the last line of each part.
_ADD = sa.text(f"""
    WITH chosen AS (
        SELECT m.id, m.document_hash, {_STATES} AS previous_state,
               CASE WHEN {DOCUMENT_TYPE} <> :resident OR coalesce(c.failed_code, '') = ANY(:demanding)
                    THEN 'special' ELSE 'normal' END AS channel
        FROM members m LEFT JOIN cards c ON c.member_id = m.id
        WHERE m.union_id = :union AND (CAST(:ids AS bigint[]) IS NULL OR m.id = ANY(CAST(:ids AS bigint[])))
          AND m.kind = 'employed' AND m.state = 'normal' AND m.number IS NOT NULL
          AND {_STATES} IN ('none', 'failed')
    ), moved AS (
        INSERT INTO cards (member_id, state, version, channel, applied_at)
        SELECT id, 'to_do', 1, channel, :now FROM chosen ORDER BY id
        ON CONFLICT (member_id) DO UPDATE
            SET state = 'to_do', version = cards.version + 1, channel = excluded.channel, applied_at = :now
            WHERE cards.state IN ('none', 'failed')
        RETURNING member_id, version, state
    ), listed AS (
        INSERT INTO todo (member_id, union_id, channel, added_at, previous_state, document_hash)
        SELECT chosen.id, :union, chosen.channel, :now, chosen.previous_state, chosen.document_hash
        FROM chosen JOIN moved ON moved.member_id = chosen.id
    )
    SELECT member_id, version, state, :union FROM moved
""")  # noqa: S608  # constants of ours

_REMOVE = """
    WITH gone AS (
        DELETE FROM todo t {using} WHERE {where} RETURNING t.member_id, t.union_id, t.previous_state
    )
    UPDATE cards c SET state = gone.previous_state, version = c.version + 1
    FROM gone WHERE c.member_id = gone.member_id AND c.state = 'to_do'
    RETURNING c.member_id, c.version, c.state, gone.union_id
"""
_REMOVE_CHOSEN = sa.text(_REMOVE.format(using="", where="t.union_id = :union AND t.member_id = ANY(:ids)"))
_REMOVE_HOLDING_UP = sa.text(
    _REMOVE.format(
        using="USING members m, cards c",
        where="m.id = t.member_id AND c.member_id = t.member_id AND t.union_id = :union AND t.channel = :channel"
        " AND (t.check_state IN ('unchecked', 'not_passed')"
        f" OR (t.channel = 'special' AND t.check_state = 'passed' AND NOT {COMPLETE}))",
    )
)
_REMOVE_LEFT = sa.text(
    _REMOVE.format(
        using="USING members m",
        where="m.id = t.member_id AND t.member_id = ANY(:ids)"
        " AND (m.state <> 'normal' OR m.kind <> 'employed' OR m.union_id IS DISTINCT FROM t.union_id)",
    )
)

_RECHECK = sa.text("""
    UPDATE todo t SET check_state = 'unchecked', check_id = NULL, check_reason = NULL, document_hash = m.document_hash,
        channel = CASE WHEN m.document_type <> :resident THEN 'special' ELSE t.channel END
    FROM members m
    WHERE m.id = t.member_id AND t.member_id = ANY(:ids) AND t.document_hash <> m.document_hash
""")

_FIND = sa.text(f"""
    SELECT t.member_id, t.union_id, t.channel, {DOCUMENT_TYPE} AS document_type, {EXPIRY} AS document_expiry,
           {NATIONALITY} AS nationality, m.document_type AS own_type
    FROM todo t JOIN members m ON m.id = t.member_id JOIN cards c ON c.member_id = t.member_id
    WHERE t.member_id = :member AND t.union_id = :union FOR UPDATE OF t, c
""")  # noqa: S608  # constants of ours

_COUNTS = """
    SELECT t.channel, t.check_state, {complete} AS complete, count(*) AS records
    FROM todo t JOIN members m ON m.id = t.member_id JOIN cards c ON c.member_id = t.member_id
    JOIN organisations o ON o.id = t.union_id
    WHERE o.path LIKE :scope AND (CAST(:union AS bigint) IS NULL OR t.union_id = :union)
    GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page of the list is narrowed by."""

    channel: Channel
    union_id: int | None
    names: Sequence[str] | None
    documents: Sequence[str] | None
    check_state: CheckState | None
    complete: bool | None


async def candidates(conn: AsyncConnection, union_id: int, ids: Sequence[int]) -> dict[int, sa.Row[Any]]:
    """The union's members among these, by id, with what decides whether they can be added."""
    rows = await conn.execute(_CANDIDATES, {"union": union_id, "ids": list(ids)})
    return {row.id: row for row in rows}


async def add(tx: Transaction, union_id: int, ids: Sequence[int] | None) -> list[cards.Changed]:
    """Put these members, or all, on the list, as far as they can be; returns whom it moved."""
    values = {
        "union": union_id,
        "ids": list(ids) if ids is not None else None,
        "now": tx.now,
        "resident": DocumentType.RESIDENT_IDENTITY_CARD.value,
        "demanding": sorted(DEMANDS_SPECIAL),
    }
    moved = cards.changed(await tx.conn.execute(_ADD, values))
    await cardlog.add(tx, Step.ADDED, [one.member_id for one in moved])
    cards.publish(tx, moved)
    return moved


async def count_special(conn: AsyncConnection, ids: Sequence[int]) -> int:
    """How many of these records are on the special channel."""
    query = sa.text("SELECT count(*) FROM todo WHERE member_id = ANY(:ids) AND channel = 'special'")
    return int(await conn.scalar(query, {"ids": list(ids)}) or 0)


async def left_out(conn: AsyncConnection, union_id: int) -> dict[str, int]:
    """How many members without a card "all" leaves out, by why."""
    return dict((await conn.execute(_WAITING_ELSEWHERE, {"union": union_id})).one()._mapping)


async def remove_chosen(tx: Transaction, union_id: int, ids: Sequence[int]) -> list[cards.Changed]:
    """Take these off the list; who is not on it is left alone."""
    rows = await tx.conn.execute(_REMOVE_CHOSEN, {"union": union_id, "ids": list(ids)})
    return await _removed(tx, cards.changed(rows), Step.REMOVED)


async def remove_holding_up(tx: Transaction, union_id: int, channel: Channel) -> list[cards.Changed]:
    """Take off whoever holds the submission up: unchecked, not passed, incomplete; not those being checked."""
    rows = await tx.conn.execute(_REMOVE_HOLDING_UP, {"union": union_id, "channel": channel.value})
    return await _removed(tx, cards.changed(rows), Step.REMOVED)


async def follow_members(tx: Transaction, ids: Sequence[int]) -> None:
    """After members changed: who left leaves the list, who has another document is to be checked again."""
    left = cards.changed(await tx.conn.execute(_REMOVE_LEFT, {"ids": list(ids)}))
    await _removed(tx, left, Step.LEFT)
    await tx.conn.execute(_RECHECK, {"ids": list(ids), "resident": DocumentType.RESIDENT_IDENTITY_CARD.value})


async def _removed(tx: Transaction, removed: list[cards.Changed], step: Step) -> list[cards.Changed]:
    await cardlog.add(tx, step, [one.member_id for one in removed])
    cards.publish(tx, removed)
    return removed


async def find(conn: AsyncConnection, union_id: int, member_id: int) -> sa.Row[Any] | None:
    """A record of the union's list, locked."""
    return (await conn.execute(_FIND, {"union": union_id, "member": member_id})).one_or_none()


async def set_channel(conn: AsyncConnection, member_id: int, channel: Channel) -> None:
    """Switch a record that :func:`find` has locked."""
    values = {"member": member_id, "channel": channel.value}
    await conn.execute(sa.text("UPDATE todo SET channel = :channel WHERE member_id = :member"), values)
    await conn.execute(sa.text("UPDATE cards SET channel = :channel WHERE member_id = :member"), values)


async def complete(conn: AsyncConnection, member_id: int, document_type: str, expiry: date, nationality: str) -> None:
    """Write what the operator completed, for the document the member has now."""
    await conn.execute(
        sa.text("""
            UPDATE cards SET document_type = :type, document_expiry = :expiry, nationality = :nationality,
                completed_for = members.document_hash
            FROM members WHERE members.id = cards.member_id AND cards.member_id = :member
        """),
        {"member": member_id, "type": document_type, "expiry": expiry, "nationality": nationality},
    )


async def counts(conn: AsyncConnection, scope: Scope, union_id: int | None) -> Sequence[sa.Row[Any]]:
    """(channel, check_state, complete, records): what tabs and totals are made of."""
    query = sa.text(_COUNTS.format(complete=COMPLETE))
    return (await conn.execute(query, {"scope": scope.pattern, "union": union_id})).all()


async def page(
    conn: AsyncConnection, scope: Scope, filters: Filters, after_id: int | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Records by member id."""
    wanted = {
        "t.union_id = :union": ("union", filters.union_id),
        "m.name_hash = ANY(:names)": ("names", filters.names),
        "m.document_hash = ANY(:documents)": ("documents", filters.documents),
        "t.check_state = :check_state": ("check_state", filters.check_state),
        f"{COMPLETE} = :complete": ("complete", filters.complete),
        "t.member_id > :after": ("after", after_id),
    }
    given = {condition: pair for condition, pair in wanted.items() if pair[1] is not None}
    values: dict[str, Any] = dict(given.values())
    narrowed = "".join(f" AND {condition}" for condition in given)
    query = sa.text(f"""
        SELECT t.*, m.name, m.number, m.document_number, {DOCUMENT_TYPE} AS document_type,
               {EXPIRY} AS document_expiry, {NATIONALITY} AS nationality, {COMPLETE} AS complete
        FROM todo t JOIN members m ON m.id = t.member_id JOIN cards c ON c.member_id = t.member_id
        JOIN organisations o ON o.id = t.union_id
        WHERE o.path LIKE :scope AND t.channel = :channel{narrowed}
        ORDER BY t.member_id LIMIT :limit
    """)  # noqa: S608  # conditions are the keys above
    values |= {"scope": scope.pattern, "channel": filters.channel.value, "limit": limit}
    return (await conn.execute(query, values)).all()
