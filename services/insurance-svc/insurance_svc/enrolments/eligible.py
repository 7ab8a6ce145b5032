"""All SQL that judges whom a list can hold: one expression, for the list shown, its preview and its submission."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.enrolments.rules import Cover, Term, Way


@dataclass(frozen=True, slots=True)
class Offer:
    """What a list of one way gives its members on the day it is made."""

    way: Way
    year: int
    cover: Cover | None
    """For all alike; None for newly issued cards, each of which is covered from the day after its number."""
    last_day: date
    held_by: date | None
    """The card's number was made by then (centralized); None: whenever."""
    new_numbers: tuple[date, date] | None
    """Numbers made on these days are newly issued; None where no such way exists (2014)."""


_MISFIT = {Way.PERSONAL: "m.kind = 'employed' THEN 'not_personal'"}

_CARD_SERVES = {
    Way.NEWLY_ISSUED: "WHEN c.numbered_on IS NULL OR c.numbered_on NOT BETWEEN :new_from AND :new_to"
    " THEN 'not_newly_issued'",
    Way.NO_COVER: "WHEN c.numbered_on BETWEEN CAST(:new_from AS date) AND CAST(:new_to AS date) THEN 'newly_issued'",
    Way.CENTRALIZED: "WHEN c.numbered_on > CAST(:held_by AS date) THEN 'card_too_late'"
    " WHEN EXISTS (SELECT FROM exclusions x WHERE x.member_id = m.id AND x.coverage_year = :year OFFSET 0)"
    " THEN 'excluded'",
}

# The cover of one member: given, or from its own number (up to 30 June full, from 1 July half).
_OWN_DAYS = """CAST(c.numbered_on + 1 AS date) AS first_day,
    CASE WHEN date_part('month', c.numbered_on) <= 6 THEN 'full' ELSE 'half' END AS term,
    CASE WHEN date_part('month', c.numbered_on + 1) <= 6 THEN CAST(:year AS smallint) END AS first_half,
    CAST(:year AS smallint) AS second_half"""
_GIVEN_DAYS = """CAST(:first_day AS date) AS first_day, CAST(:term AS text) AS term,
    CAST(:first_half AS smallint) AS first_half, CAST(:second_half AS smallint) AS second_half"""

# A union is a few rows among millions, so each member's card, exclusion and policies are looked up by index whatever
# the statistics say: OFFSET 0 keeps the planner from reading a whole table into a hash instead.
_JUDGED = """
    SELECT {member} AS member_id, m.union_id, m.name, m.number, m.document_type, m.document_number,
           c.number_end, c.numbered_on, cover.first_day, cover.term, cover.first_half, cover.second_half,
           CASE WHEN m.id IS NULL THEN 'not_of_union'
                WHEN m.state <> 'normal' OR m.number IS NULL THEN 'not_in_service'
                WHEN {misfit}
                WHEN c.state IS DISTINCT FROM 'issued' THEN 'no_card'
                {card}
                WHEN EXISTS (
                    SELECT FROM policies p
                    WHERE p.member_id = m.id AND NOT p.void AND p.first_half = cover.first_half OFFSET 0
                ) OR EXISTS (
                    SELECT FROM policies p
                    WHERE p.member_id = m.id AND NOT p.void AND p.second_half = cover.second_half OFFSET 0
                ) THEN 'covered'
           END AS reason
    FROM {rows} LEFT JOIN LATERAL (SELECT * FROM cards WHERE member_id = m.id OFFSET 0) AS c ON true
    CROSS JOIN LATERAL (SELECT {days}) AS cover
"""
_WHOLE = "members m"
_CHOSEN = "unnest(CAST(:ids AS bigint[])) AS chosen(id) LEFT JOIN members m ON m.id = chosen.id AND m.union_id = :union"
# One union's members come in the order of an index, several unions' do not.
_OF_UNION = "WHERE m.union_id = :union"
_OF_UNIONS = "WHERE m.union_id = ANY(CAST(:unions AS bigint[]))"

# Whoever was put on another list meanwhile is passed over here and missing in the count.
_MAKE = """
    WITH judged AS ({judged}), list AS MATERIALIZED (
        SELECT union_id, nextval('enrolments_id_seq') AS id FROM unnest(CAST(:unions AS bigint[])) AS one(union_id)
    ), made AS (
        INSERT INTO policies (member_id, enrolment_id, term, first_day, last_day, first_half, second_half)
        SELECT member_id, list.id, term, first_day, :last_day, first_half, second_half
        FROM judged JOIN list USING (union_id) WHERE reason IS NULL ORDER BY member_id
        ON CONFLICT DO NOTHING
        RETURNING enrolment_id, term
    )
    SELECT list.union_id, list.id AS enrolment_id, made.term, count(*) AS heads
    FROM made JOIN list ON list.id = made.enrolment_id GROUP BY list.union_id, list.id, made.term
"""

_HEADS = """
    SELECT term, count(*) AS heads, min(first_day) AS first_day
    FROM ({judged}) AS judged WHERE reason IS NULL GROUP BY term
"""

_REASONS = "SELECT union_id, reason, count(*) AS members FROM ({judged}) AS judged GROUP BY union_id, reason"

_PAGE = """
    SELECT * FROM ({judged}) AS judged
    WHERE member_id > :after AND (CAST(:wanted AS boolean) IS NULL OR (reason IS NULL) = :wanted)
    ORDER BY member_id LIMIT :limit
"""

_UNFIT = "SELECT * FROM ({judged}) AS judged WHERE reason IS NOT NULL ORDER BY member_id LIMIT :limit"


@lru_cache(maxsize=64)
def _query(template: str, way: Way, chosen: bool, new_numbers: bool) -> sa.TextClause:
    """The statement for one way; the same object each time, so that it is prepared once."""
    judged = _JUDGED.format(
        member="chosen.id" if chosen else "m.id",
        misfit=_MISFIT.get(way, "m.kind <> 'employed' THEN 'not_in_service'"),
        card=_CARD_SERVES.get(way, "") if new_numbers or way is Way.CENTRALIZED else "",
        rows=_CHOSEN if chosen else _WHOLE,
        days=_OWN_DAYS if way is Way.NEWLY_ISSUED else _GIVEN_DAYS,
    )
    of = "" if chosen else _OF_UNIONS if template in (_MAKE, _REASONS) else _OF_UNION
    return sa.text(template.format(judged=f"{judged} {of}"))


async def _rows(
    conn: AsyncConnection,
    template: str,
    offer: Offer,
    union_ids: Sequence[int],
    ids: Sequence[int] | None,
    **more: Any,
) -> Sequence[sa.Row[Any]]:
    query = _query(template, offer.way, ids is not None, offer.new_numbers is not None)
    new_from, new_to = offer.new_numbers or (None, None)
    first_half, second_half = offer.cover.halves if offer.cover else (None, None)
    values: dict[str, Any] = {
        "unions": list(union_ids),
        "union": union_ids[0],
        "ids": list(ids) if ids is not None else None,
        "year": offer.year,
        "held_by": offer.held_by,
        "new_from": new_from,
        "new_to": new_to,
        "first_day": offer.cover.first_day if offer.cover else None,
        "term": offer.cover.term.value if offer.cover else None,
        "first_half": first_half,
        "second_half": second_half,
        "last_day": offer.last_day,
    }
    return (await conn.execute(query, values | more)).all()


@dataclass(frozen=True, slots=True)
class Made:
    """Policies of a list that is yet to be written: its id, and heads by term."""

    enrolment_id: int
    heads: Mapping[Term, int]


async def make_policies(
    conn: AsyncConnection, offer: Offer, union_ids: Sequence[int], ids: Sequence[int] | None
) -> dict[int, Made]:
    """Policies for all members of these unions as far as they can have one, a list each; or for the chosen of one.

    By union; one of whose members nobody can have one is missing. One statement, however many unions.
    """
    made: dict[int, Made] = {}
    for row in await _rows(conn, _MAKE, offer, union_ids, ids):
        known = made[row.union_id].heads if row.union_id in made else {}
        made[row.union_id] = Made(row.enrolment_id, {**known, Term(row.term): row.heads})
    return made


async def unmake(conn: AsyncConnection, enrolment_id: int) -> None:
    """Take the policies back that this transaction made for a list which cannot be."""
    await conn.execute(sa.text("DELETE FROM policies WHERE enrolment_id = :id"), {"id": enrolment_id})


async def heads(conn: AsyncConnection, offer: Offer, union_id: int, ids: Sequence[int] | None) -> Sequence[sa.Row[Any]]:
    """(term, heads, first_day) of those who could be on a list; nothing is made."""
    return await _rows(conn, _HEADS, offer, [union_id], ids)


async def unfit(
    conn: AsyncConnection, offer: Offer, union_id: int, ids: Sequence[int], limit: int
) -> Sequence[sa.Row[Any]]:
    """Who of the chosen cannot be on a list, and why (``reason``)."""
    return await _rows(conn, _UNFIT, offer, [union_id], ids, limit=limit)


async def reasons(conn: AsyncConnection, offer: Offer, union_ids: Sequence[int]) -> dict[int, dict[str | None, int]]:
    """By union how many of its members are eligible (None) or left out, by why."""
    found: dict[int, dict[str | None, int]] = {union_id: {} for union_id in union_ids}
    for row in await _rows(conn, _REASONS, offer, union_ids, None):
        found[row.union_id][row.reason] = row.members
    return found


async def page(
    conn: AsyncConnection, offer: Offer, union_id: int, eligible: bool | None, after: int, limit: int
) -> Sequence[sa.Row[Any]]:
    """Members of the union by id, each with its cover or the reason it is left out."""
    return await _rows(conn, _PAGE, offer, [union_id], None, wanted=eligible, after=after, limit=limit)
