"""All SQL of payment vouchers (缴费凭证), and which files can be one."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.batches.tables import VOUCHERS
from unioncard.unit_of_work import Transaction

# By content; what a file calls itself proves nothing.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", "image/png", "png"),
    (b"\xff\xd8\xff", b"\xff\xd9", "image/jpeg", "jpg"),
    (b"%PDF-", b"%%EOF", "application/pdf", "pdf"),
)
_TAIL = 2048
VOUCHERS_A_BATCH = 50

_ADD = sa.text("""
    WITH made AS (
        INSERT INTO vouchers (batch_number, object_key, media_type, bytes, sha256, uploaded_by)
        VALUES (:number, :key, :media_type, :bytes, :sha256, :by)
        ON CONFLICT (batch_number, sha256) DO NOTHING RETURNING id)
    UPDATE batches SET vouchers = vouchers + (SELECT count(*) FROM made), changed_at = :now
    WHERE number = :number AND EXISTS (SELECT FROM made) RETURNING *
""")


def media_type(content: bytes) -> str | None:
    """What the file is by its first and last bytes: PNG, JPEG or PDF, else None."""
    for head, end, kind, _ in _SIGNATURES:
        if content.startswith(head) and end in content[-_TAIL:]:
            return kind
    return None


def extension(kind: str) -> str:
    """How the name of such a file ends."""
    return next(ending for _, _, known, ending in _SIGNATURES if known == kind)


def key_of(number: str, sha256: str) -> str:
    """Where a voucher lies: the same file for the same batch is the same voucher."""
    return f"vouchers/{number}/{sha256}"


async def add(tx: Transaction, number: str, kind: str, size: int, sha256: str, by: int) -> sa.Row[Any] | None:
    """Note a voucher of a locked batch; the batch's row as it is then, None if the file was there before."""
    values = {
        "number": number,
        "key": key_of(number, sha256),
        "media_type": kind,
        "bytes": size,
        "sha256": sha256,
        "by": by,
        "now": tx.now,
    }
    row: sa.Row[Any] | None = (await tx.conn.execute(_ADD, values)).one_or_none()
    return row


async def of_batch(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """A batch's vouchers in the order they came."""
    columns = VOUCHERS.c
    return (await conn.execute(sa.select(VOUCHERS).where(columns.batch_number == number).order_by(columns.id))).all()


async def find(conn: AsyncConnection, number: str, voucher_id: int) -> sa.Row[Any] | None:
    """One voucher of a batch."""
    columns = VOUCHERS.c
    query = sa.select(VOUCHERS).where(columns.batch_number == number, columns.id == voucher_id)
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row
