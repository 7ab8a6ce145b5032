"""All SQL of papers and stamps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims.rules import ClaimEvent, HospitalPlace, PayeeKind
from claims_svc.papers.rules import Needs, PaperKind, StampLevel, required_papers, required_stamps, still_needed
from claims_svc.papers.tables import PAPERS, STAMPS
from unioncard.auth import Principal
from unioncard.contracts.cover import Benefit
from unioncard.unit_of_work import Transaction

PAPERS_A_CLAIM = 100

# All of both at once: whoever brings something is shown what is there, and what it still needs follows from it.
_BROUGHT = sa.text("""
    SELECT (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.id), '[]') FROM papers p
            WHERE p.claim_number = :number) AS papers,
           (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.stamped_at, s.paper), '[]') FROM stamps s
            WHERE s.claim_number = :number) AS stamps
""")

_ADD = sa.text("""
    INSERT INTO papers (claim_number, kind, object_key, media_type, bytes, sha256, uploaded_by)
    SELECT :number, kind, object_key, media_type, bytes, sha256, :by
    FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:media_types AS text[]), CAST(:sizes AS bigint[]),
                CAST(:hashes AS text[])) WITH ORDINALITY AS new(kind, object_key, media_type, bytes, sha256, place)
    ORDER BY place
    ON CONFLICT (claim_number, kind, sha256) DO NOTHING RETURNING id, kind
""")

_STAMP = sa.text("""
    INSERT INTO stamps (claim_number, paper, level, organisation_id, stamped_by, stamped_at)
    VALUES (:number, :paper, :level, :organisation, :by, :now)
    ON CONFLICT (claim_number, paper, level) DO NOTHING RETURNING paper
""")


@dataclass(frozen=True, slots=True)
class Kept:
    """A paper in the object store that is to be noted."""

    kind: PaperKind
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Brought:
    """A claim's papers in the order they came, and its stamps in the order they were put: their rows."""

    papers: Sequence[Mapping[str, Any]]
    stamps: Sequence[Mapping[str, Any]]


def stamps_of(row: Any) -> dict[PaperKind, StampLevel]:
    """Whose stamp each paper of a claim needs."""
    place = HospitalPlace(row.hospital_place) if row.hospital_place else None
    return dict(required_stamps(place, PayeeKind(row.payee)))


async def brought(conn: AsyncConnection, number: str) -> Brought:
    """What has been brought for a claim, with one statement."""
    found = (await conn.execute(_BROUGHT, {"number": number})).one()
    return Brought(found.papers, found.stamps)


def needs_of(row: Any, there: Brought) -> Needs:
    """What a claim still needs besides what is there."""
    return still_needed(
        required_papers(Benefit(row.benefit), ClaimEvent(row.event), PayeeKind(row.payee)),
        stamps_of(row),
        uploaded={PaperKind(one["kind"]) for one in there.papers},
        stamped={(PaperKind(one["paper"]), StampLevel(one["level"])) for one in there.stamps},
        account=row.payee == PayeeKind.UNIT_ACCOUNT and row.account_id is None,
    )


def key_of(number: str, sha256: str) -> str:
    """Where a paper lies: the same file for the same claim is the same object."""
    return f"claims/{number}/{sha256}"


async def add(tx: Transaction, number: str, papers: Sequence[Kept], by: int) -> Sequence[sa.Row[Any]]:
    """Note papers of a locked claim; ``id`` and ``kind`` of those that were not there before."""
    values = {
        "number": number,
        "kinds": [one.kind.value for one in papers],
        "keys": [key_of(number, one.sha256) for one in papers],
        "media_types": [one.media_type for one in papers],
        "sizes": [one.size for one in papers],
        "hashes": [one.sha256 for one in papers],
        "by": by,
    }
    return (await tx.conn.execute(_ADD, values)).all()


async def find(conn: AsyncConnection, number: str, paper_id: int) -> sa.Row[Any] | None:
    """One paper of a claim."""
    columns = PAPERS.c
    query = sa.select(PAPERS).where(columns.claim_number == number, columns.id == paper_id)
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def stamp(tx: Transaction, principal: Principal, number: str, paper: PaperKind, level: StampLevel) -> bool:
    """Put a stamp on a paper of a locked claim; False if it was there before."""
    values = {
        "number": number,
        "paper": paper,
        "level": level,
        "organisation": principal.organisation_id,
        "by": principal.account_id,
        "now": tx.now,
    }
    return (await tx.conn.execute(_STAMP, values)).rowcount == 1


async def void_stamps(conn: AsyncConnection, number: str) -> list[str]:
    """Take all stamps off a locked claim's papers; what was taken off, as ``paper/level``."""
    columns = STAMPS.c
    statement = STAMPS.delete().where(columns.claim_number == number).returning(columns.paper, columns.level)
    return sorted(f"{row.paper}/{row.level}" for row in await conn.execute(statement))
