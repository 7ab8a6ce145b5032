"""All SQL of papers and stamps."""

from collections.abc import Sequence
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

_BROUGHT = sa.text("""
    SELECT array(SELECT DISTINCT kind FROM papers WHERE claim_number = :number) AS kinds,
           array(SELECT paper || '/' || level FROM stamps WHERE claim_number = :number) AS stamps
""")

_ADD = sa.text("""
    INSERT INTO papers (claim_number, kind, object_key, media_type, bytes, sha256, uploaded_by)
    VALUES (:number, :kind, :key, :media_type, :bytes, :sha256, :by)
    ON CONFLICT (claim_number, kind, sha256) DO NOTHING RETURNING id
""")

_STAMP = sa.text("""
    INSERT INTO stamps (claim_number, paper, level, organisation_id, stamped_by, stamped_at)
    VALUES (:number, :paper, :level, :organisation, :by, :now)
    ON CONFLICT (claim_number, paper, level) DO NOTHING RETURNING paper
""")


def stamps_of(row: Any) -> dict[PaperKind, StampLevel]:
    """Whose stamp each paper of a claim needs."""
    place = HospitalPlace(row.hospital_place) if row.hospital_place else None
    return dict(required_stamps(place, PayeeKind(row.payee)))


async def needs_of(conn: AsyncConnection, row: Any) -> Needs:
    """What a claim still needs, with one statement."""
    brought = (await conn.execute(_BROUGHT, {"number": row.number})).one()
    stamped = {(PaperKind(paper), StampLevel(level)) for paper, level in (one.split("/") for one in brought.stamps)}
    return still_needed(
        required_papers(Benefit(row.benefit), ClaimEvent(row.event), PayeeKind(row.payee)),
        stamps_of(row),
        uploaded={PaperKind(kind) for kind in brought.kinds},
        stamped=stamped,
        account=row.payee == PayeeKind.UNIT_ACCOUNT and row.account_id is None,
    )


def key_of(number: str, sha256: str) -> str:
    """Where a paper lies: the same file for the same claim is the same object."""
    return f"claims/{number}/{sha256}"


async def add(
    tx: Transaction, number: str, kind: PaperKind, media_type: str, size: int, sha256: str, by: int
) -> int | None:
    """Note a paper of a locked claim; its id, None if it was there before."""
    values = {
        "number": number,
        "kind": kind,
        "key": key_of(number, sha256),
        "media_type": media_type,
        "bytes": size,
        "sha256": sha256,
        "by": by,
    }
    added: int | None = (await tx.conn.execute(_ADD, values)).scalar_one_or_none()
    return added


async def of_claim(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """A claim's papers in the order they came."""
    columns = PAPERS.c
    return (await conn.execute(sa.select(PAPERS).where(columns.claim_number == number).order_by(columns.id))).all()


async def find(conn: AsyncConnection, number: str, paper_id: int) -> sa.Row[Any] | None:
    """One paper of a claim."""
    columns = PAPERS.c
    query = sa.select(PAPERS).where(columns.claim_number == number, columns.id == paper_id)
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def count(conn: AsyncConnection, number: str) -> int:
    """How many papers a claim has."""
    query = sa.select(sa.func.count()).select_from(PAPERS).where(PAPERS.c.claim_number == number)
    return int(await conn.scalar(query) or 0)


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


async def stamps_on(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """The stamps of a claim in the order they were put."""
    columns = STAMPS.c
    query = sa.select(STAMPS).where(columns.claim_number == number)
    return (await conn.execute(query.order_by(columns.stamped_at, columns.paper))).all()
