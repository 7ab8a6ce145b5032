"""All SQL of policies once they are made: who is covered when, lists of the covered, and what came before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.auth import Scope

# Whoever has no union is seen from the root alone.
_PATH = "coalesce(o.path, (SELECT path FROM organisations WHERE level = 'federation'))"

_FIND_MEMBER = f"""
    SELECT m.id, m.union_id, m.name, m.number, m.document_number
    FROM members m LEFT JOIN organisations o ON o.id = m.union_id
    WHERE {_PATH} LIKE :scope AND {{who}} ORDER BY m.id LIMIT 1
"""  # noqa: S608  # the words above

# One lookup in the unique index of the half-year that the day lies in.
_COVER = """
    SELECT p.id, p.first_day, p.last_day, p.term, p.void, e.id AS enrolment_id, e.state AS list_state, e.way,
           e.coverage_year, e.class_code, b.state AS batch_state
    FROM policies p JOIN enrolments e ON e.id = p.enrolment_id
    LEFT JOIN batches b ON b.number = e.batch_number AND e.state = 'in_batch'
    WHERE p.member_id = :member AND NOT p.void AND p.{half} = :year AND :on BETWEEN p.first_day AND p.last_day
"""
COVER_IN_FIRST_HALF = sa.text(_COVER.format(half="first_half"))
COVER_IN_SECOND_HALF = sa.text(_COVER.format(half="second_half"))

_HAS_LEGACY = sa.text("SELECT EXISTS (SELECT FROM legacy_policies WHERE member_id = :member)")

_STATE = """CASE WHEN p.void THEN 'void' WHEN e.state <> 'in_batch' THEN 'reviewing'
    WHEN b.state = 'written_off' THEN 'definite' ELSE 'provisional' END"""
_LIST_STATE = """CASE WHEN e.state NOT IN ('submitted', 'basket', 'in_batch') THEN 'void'
    WHEN e.state <> 'in_batch' THEN 'reviewing' WHEN b.state = 'written_off' THEN 'definite' ELSE 'provisional' END"""

# All that stands of a member: each part has an index of its own.
_STANDING_OF = """
    SELECT * FROM policies WHERE member_id = {member} AND NOT void AND first_half IS NOT NULL
    UNION ALL SELECT * FROM policies
    WHERE member_id = {member} AND NOT void AND first_half IS NULL AND second_half IS NOT NULL
"""

_COLUMNS = f"""
    p.id, p.member_id, p.enrolment_id, p.term, p.first_day, p.last_day, {_STATE} AS state, e.union_id,
    o.name AS union_name, e.way, e.scheme, e.coverage_year, e.class_code, e.batch_number, m.number, m.name,
    m.document_type, m.document_number, c.number_end AS card_number_end
"""

# Through lists where nobody in particular is asked for; the index on lists gives the order.
_ALL = f"""
    SELECT {_COLUMNS}
    FROM policies p JOIN enrolments e ON e.id = p.enrolment_id JOIN organisations o ON o.id = e.union_id
    JOIN members m ON m.id = p.member_id LEFT JOIN cards c ON c.member_id = p.member_id
    LEFT JOIN batches b ON b.number = e.batch_number AND e.state = 'in_batch'
    WHERE o.path LIKE :scope {{narrowed}}
    ORDER BY p.enrolment_id DESC, p.id DESC LIMIT :limit
"""  # noqa: S608  # the words above

# Through the person where one is: each part has an index of its own.
_OF_PERSONS = f"""
    SELECT {_COLUMNS}
    FROM members m LEFT JOIN organisations own ON own.id = m.union_id LEFT JOIN cards c ON c.member_id = m.id
    CROSS JOIN LATERAL (
        {_STANDING_OF.format(member="m.id")} UNION ALL SELECT * FROM policies WHERE member_id = m.id AND void
    ) AS p
    JOIN enrolments e ON e.id = p.enrolment_id JOIN organisations o ON o.id = e.union_id
    LEFT JOIN batches b ON b.number = e.batch_number AND e.state = 'in_batch'
    WHERE (o.path LIKE :scope OR {_PATH.replace("o.path", "own.path")} LIKE :scope) {{narrowed}}
    ORDER BY p.enrolment_id DESC, p.id DESC LIMIT :limit
"""  # noqa: S608  # the words above

_TABS = f"""
    SELECT {_LIST_STATE} AS state, sum(e.heads) AS members
    FROM enrolments e JOIN organisations o ON o.id = e.union_id
    LEFT JOIN batches b ON b.number = e.batch_number AND e.state = 'in_batch'
    WHERE o.path LIKE :scope {{narrowed}} GROUP BY 1 ORDER BY 1
"""  # noqa: S608  # the words above

_FIND = f"""
    SELECT {_COLUMNS}, e.submitted_at, e.returned_at, e.return_reason, e.changed_at, e.state AS list_state,
           t.number AS batch, t.submitted_at AS batch_submitted_at, t.reviewed_at, t.written_off_at, t.voided_at,
           t.void_reason
    FROM policies p JOIN enrolments e ON e.id = p.enrolment_id JOIN organisations o ON o.id = e.union_id
    JOIN members m ON m.id = p.member_id LEFT JOIN organisations own ON own.id = m.union_id
    LEFT JOIN cards c ON c.member_id = p.member_id
    LEFT JOIN batches b ON b.number = e.batch_number AND e.state = 'in_batch'
    LEFT JOIN batches t ON t.number = e.batch_number AND e.state IN ('in_batch', 'voided')
    WHERE p.id = :id AND (o.path LIKE :scope OR {_PATH.replace("o.path", "own.path")} LIKE :scope)
"""  # noqa: S608  # the words above

_LEGACY = f"""
    SELECT l.number AS policy_number, m.id AS member_id, m.number, m.name, m.document_number, o.name AS union_name
    FROM legacy_policies l JOIN members m ON m.id = l.member_id LEFT JOIN organisations o ON o.id = m.union_id
    WHERE {_PATH} LIKE :scope {{narrowed}} ORDER BY l.number LIMIT :limit
"""  # noqa: S608  # the words above

# The district's own day goes before everybody's, and the extended day before the ordinary one (domain 6).
_COVERS = sa.text(f"""
    SELECT w.question, p.id AS policy_id, {_STATE} AS state, e.coverage_year, e.class_code, p.first_day, p.last_day,
           e.union_id, e.district_id, d.district_code,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('benefit', t.benefit, 'amount_fen', t.amount_fen,
                   'per', t.per, 'limit_fen', t.limit_fen) ORDER BY t.benefit), '[]')
            FROM benefits t WHERE t.coverage_year = e.coverage_year AND t.class_code = e.class_code
              AND t.benefit = ANY(:benefits)) AS benefits,
           (SELECT c.last_day FROM calendar c
            WHERE c.scheme = 'claims' AND c.coverage_year = e.coverage_year AND c.last_day IS NOT NULL
              AND c.phase IN ('filing', 'filing_extended') AND c.district_id IN (0, e.district_id)
            ORDER BY c.phase = 'filing_extended' DESC, c.district_id DESC LIMIT 1) AS file_until
    FROM unnest(CAST(:questions AS int[]), CAST(:members AS bigint[]), CAST(:first_days AS date[]),
                CAST(:last_days AS date[])) AS w (question, member_id, first_day, last_day)
    CROSS JOIN LATERAL ({_STANDING_OF.format(member="w.member_id")}) AS p
    JOIN enrolments e ON e.id = p.enrolment_id JOIN organisations d ON d.id = e.district_id
    LEFT JOIN batches b ON b.number = e.batch_number AND e.state = 'in_batch'
    WHERE p.first_day <= w.last_day AND p.last_day >= w.first_day
    ORDER BY w.question, p.first_day
""")  # noqa: S608  # the words above


@dataclass(frozen=True, slots=True)
class Question:
    """Whose cover is asked for, on which days; both included."""

    member_id: int
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Filters:
    """What lists of policies are narrowed by."""

    names: Sequence[str] | None = None
    documents: Sequence[str] | None = None
    number: str | None = None
    member_id: int | None = None
    state: str | None = None
    coverage_year: int | None = None
    union_id: int | None = None

    @property
    def of_persons(self) -> bool:
        """Whether somebody in particular is asked for."""
        return any(one is not None for one in (self.names, self.documents, self.number, self.member_id))


def _narrowed(wanted: dict[str, tuple[str, Any]]) -> tuple[str, dict[str, Any]]:
    given = {condition: pair for condition, pair in wanted.items() if pair[1] is not None}
    return "".join(f" AND {condition}" for condition in given), dict(given.values())


def _persons(filters: Filters) -> dict[str, tuple[str, Any]]:
    return {
        "m.name_hash = ANY(:names)": ("names", filters.names),
        "m.document_hash = ANY(:documents)": ("documents", filters.documents),
        "m.number = :number": ("number", filters.number),
        "m.id = :member": ("member", filters.member_id),
    }


def _lists(filters: Filters) -> dict[str, tuple[str, Any]]:
    return {
        "e.coverage_year = :year": ("year", filters.coverage_year),
        "e.union_id = :union": ("union", filters.union_id),
    }


async def find_member(
    conn: AsyncConnection, scope: Scope, member_id: int | None, documents: Sequence[str] | None
) -> sa.Row[Any] | None:
    """A member of the caller's tree by id or by the hashes of its document number."""
    who: dict[str, Any] = {"member": member_id} if member_id is not None else {"documents": list(documents or ())}
    condition = "m.id = :member" if member_id is not None else "m.document_hash = ANY(:documents)"
    query = sa.text(_FIND_MEMBER.format(who=condition))
    return (await conn.execute(query, who | {"scope": scope.pattern})).one_or_none()


async def cover_on(conn: AsyncConnection, member_id: int, on: date) -> sa.Row[Any] | None:
    """The policy that stands for that member and day, with its list's and batch's states; there is at most one."""
    query = COVER_IN_FIRST_HALF if on.month <= 6 else COVER_IN_SECOND_HALF
    return (await conn.execute(query, {"member": member_id, "year": on.year, "on": on})).one_or_none()


async def covers(
    conn: AsyncConnection, questions: Sequence[Question], benefits: Sequence[str]
) -> list[list[sa.Row[Any]]]:
    """For each question the policies that stand and touch its days, by first day, with what of these benefits they pay
    and the calendar's last day to file, NULL where it names none. One statement, however many questions."""
    values = {
        "questions": list(range(len(questions))),
        "members": [one.member_id for one in questions],
        "first_days": [one.first_day for one in questions],
        "last_days": [one.last_day for one in questions],
        "benefits": list(benefits),
    }
    found: list[list[sa.Row[Any]]] = [[] for _ in questions]
    for row in await conn.execute(_COVERS, values):
        found[row.question].append(row)
    return found


async def has_legacy(conn: AsyncConnection, member_id: int) -> bool:
    """Whether the system before this one knew a policy of that member."""
    return bool(await conn.scalar(_HAS_LEGACY, {"member": member_id}))


async def page(
    conn: AsyncConnection, scope: Scope, filters: Filters, key: Sequence[int] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Policies, the newest list first; of a person in particular also those made by an earlier union."""
    wanted = _persons(filters) | _lists(filters) | {f"{_STATE} = :state": ("state", filters.state)}
    narrowed, values = _narrowed(wanted)
    if key is not None:
        narrowed += " AND (p.enrolment_id, p.id) < (:list, :policy)"
        values |= {"list": key[0], "policy": key[1]}
    query = sa.text((_OF_PERSONS if filters.of_persons else _ALL).format(narrowed=narrowed))
    return (await conn.execute(query, values | {"scope": scope.pattern, "limit": limit})).all()


async def tabs(conn: AsyncConnection, scope: Scope, filters: Filters) -> dict[str, int]:
    """How many policies there are in each state, counted on lists rather than on millions of rows."""
    narrowed, values = _narrowed(_lists(filters))
    rows = await conn.execute(sa.text(_TABS.format(narrowed=narrowed)), values | {"scope": scope.pattern})
    return {row.state: int(row.members) for row in rows}


async def find(conn: AsyncConnection, scope: Scope, policy_id: int) -> sa.Row[Any] | None:
    """A policy of the caller's tree with what its log is made of."""
    return (await conn.execute(sa.text(_FIND), {"scope": scope.pattern, "id": policy_id})).one_or_none()


async def legacy_page(
    conn: AsyncConnection, scope: Scope, filters: Filters, after: str | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Policies of the system before this one, by number; they have no dates (G19 60, 61)."""
    own = {"m.union_id = :union": ("union", filters.union_id), "l.number > :after": ("after", after)}
    narrowed, values = _narrowed(_persons(filters) | own)
    query = sa.text(_LEGACY.format(narrowed=narrowed))
    return (await conn.execute(query, values | {"scope": scope.pattern, "limit": limit})).all()
