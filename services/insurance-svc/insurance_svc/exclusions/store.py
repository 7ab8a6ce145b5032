"""All SQL of the population office's exclusions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.contracts.cards import ExclusionReason

# A district is a few rows among millions: union by union, each by its index, and a card for each by its own. The
# limit within keeps that order, so that a chunk reads no more than it returns.
_OF_DISTRICT = sa.text("""
    SELECT u.id AS place, found.id AS sequence, found.id AS member_id
    FROM organisations d
    JOIN organisations u ON u.path LIKE d.path || '%' AND u.id >= :place
    CROSS JOIN LATERAL (
        SELECT m.id FROM members m
        WHERE m.union_id = u.id AND (u.id > :place OR m.id > :sequence)
          AND m.state = 'normal' AND m.number IS NOT NULL AND m.kind = 'employed'
          AND EXISTS (SELECT FROM cards c WHERE c.member_id = m.id AND c.state = 'issued' OFFSET 0)
        ORDER BY m.id LIMIT :limit
    ) AS found
    WHERE d.id = :district ORDER BY u.id, found.id LIMIT :limit
""")

_IN_DISTRICT = sa.text("""
    SELECT count(*)
    FROM organisations d
    JOIN organisations u ON u.path LIKE d.path || '%'
    JOIN members m ON m.union_id = u.id AND m.state = 'normal' AND m.number IS NOT NULL AND m.kind = 'employed'
    JOIN cards c ON c.member_id = m.id AND c.state = 'issued'
    WHERE d.id = :district
""")

# Exclusions are for lists of the campaign; instant enrolment knows none (domain 5).
_LISTS = "e.batch_number = :number AND e.state = 'in_batch' AND e.way = 'centralized'"

_OF_BATCH = sa.text(f"""
    SELECT e.id AS place, found.id AS sequence, found.member_id
    FROM enrolments e
    CROSS JOIN LATERAL (
        SELECT p.id, p.member_id FROM policies p
        WHERE p.enrolment_id = e.id AND NOT p.void AND (e.id > :place OR p.id > :sequence)
        ORDER BY p.id LIMIT :limit
    ) AS found
    WHERE {_LISTS} AND e.id >= :place ORDER BY e.id, found.id LIMIT :limit
""")  # noqa: S608  # the words above

_IN_BATCH = sa.text(f"SELECT coalesce(sum(e.heads), 0) FROM enrolments e WHERE {_LISTS}")  # noqa: S608  # as above

# What a later question has found out stays; answers to an earlier one may still be on their way.
_RECORD = sa.text("""
    WITH found AS (
        SELECT * FROM unnest(CAST(:members AS bigint[]), CAST(:reasons AS text[])) AS new(member_id, reason)
    ), cleared AS (
        DELETE FROM exclusions x
        WHERE x.coverage_year = :year AND x.member_id = ANY(CAST(:asked AS bigint[])) AND x.checked_at <= :at
          AND NOT EXISTS (SELECT FROM found WHERE found.member_id = x.member_id)
        RETURNING x.member_id
    ), written AS (
        INSERT INTO exclusions (member_id, coverage_year, reason, checked_at)
        SELECT member_id, :year, reason, :at FROM found ORDER BY member_id
        ON CONFLICT (member_id, coverage_year) DO UPDATE
        SET reason = excluded.reason, checked_at = excluded.checked_at
        WHERE exclusions.checked_at <= excluded.checked_at
        RETURNING member_id
    )
    SELECT ARRAY(SELECT member_id FROM written ORDER BY 1) AS written,
           ARRAY(SELECT member_id FROM cleared ORDER BY 1) AS cleared
""")

_CHECKED = sa.text("""
    UPDATE batches SET exclusions_checked_at = greatest(exclusions_checked_at, :at) WHERE number = :number
""")

_EXCLUDED = f"""
    FROM enrolments e
    JOIN policies p ON p.enrolment_id = e.id AND NOT p.void
    JOIN exclusions x ON x.member_id = p.member_id AND x.coverage_year = e.coverage_year
    WHERE {_LISTS}
"""

_COUNT = sa.text(f"SELECT count(*) {_EXCLUDED}")  # the words above

_PAGE = sa.text(f"""
    SELECT found.*, o.name AS union_name, m.number, m.name, m.document_type, m.document_number
    FROM (SELECT p.id, p.member_id, p.enrolment_id, e.union_id, e.class_code, x.reason, x.checked_at {_EXCLUDED}
          AND p.id > :after ORDER BY p.id LIMIT :limit) AS found
    JOIN members m ON m.id = found.member_id
    LEFT JOIN organisations o ON o.id = found.union_id
    ORDER BY found.id
""")  # noqa: S608  # the words above


@dataclass(frozen=True, slots=True)
class Question:
    """Whom a check asks about: a district's members, or those of one batch."""

    district_id: int
    batch_number: str | None

    @property
    def values(self) -> dict[str, Any]:
        """As parameters."""
        return {"number": self.batch_number} if self.batch_number else {"district": self.district_id}


async def batch_exists(conn: AsyncConnection, number: str) -> bool:
    """Whether there is such a batch."""
    query = sa.text("SELECT EXISTS (SELECT FROM batches WHERE number = :number)")
    return bool(await conn.scalar(query, {"number": number}))


async def members(
    conn: AsyncConnection, question: Question, after: tuple[int, int], limit: int
) -> Sequence[sa.Row[Any]]:
    """``(place, sequence, member_id)`` behind ``after``, in the order of the first two."""
    query = _OF_BATCH if question.batch_number else _OF_DISTRICT
    values = question.values | {"place": after[0], "sequence": after[1], "limit": limit}
    return (await conn.execute(query, values)).all()


async def count(conn: AsyncConnection, question: Question) -> int:
    """How many members the whole check asks about."""
    return int(await conn.scalar(_IN_BATCH if question.batch_number else _IN_DISTRICT, question.values) or 0)


async def record(
    conn: AsyncConnection, year: int, at: datetime, asked: Sequence[int], excluded: Mapping[int, ExclusionReason]
) -> tuple[list[int], list[int]]:
    """Write and clear the exclusions of those asked about; who is excluded, and who is no more."""
    values = {
        "year": year,
        "at": at,
        "asked": list(asked),
        "members": list(excluded),
        "reasons": [reason.value for reason in excluded.values()],
    }
    row = (await conn.execute(_RECORD, values)).one()
    return row.written, row.cleared


async def set_checked(conn: AsyncConnection, number: str, at: datetime) -> None:
    """All of a batch's members have been asked about."""
    await conn.execute(_CHECKED, {"number": number, "at": at})


async def excluded_in_batch(conn: AsyncConnection, number: str) -> int:
    """How many members of a batch's centralized lists are excluded."""
    return int(await conn.scalar(_COUNT, {"number": number}) or 0)


async def page_of_batch(conn: AsyncConnection, number: str, after: int, limit: int) -> Sequence[sa.Row[Any]]:
    """Those members, in the order of their policies."""
    return (await conn.execute(_PAGE, {"number": number, "after": after, "limit": limit})).all()
