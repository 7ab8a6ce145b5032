"""All SQL of payment vouchers (缴费凭证)."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.batches.tables import VOUCHERS
from unioncard.unit_of_work import Transaction

VOUCHERS_A_BATCH = 50

_ADD = sa.text("""
    WITH made AS (
        INSERT INTO vouchers (batch_number, object_key, media_type, bytes, sha256, uploaded_by)
        VALUES (:number, :key, :media_type, :bytes, :sha256, :by)
        ON CONFLICT (batch_number, sha256) DO NOTHING RETURNING id)
    UPDATE batches SET vouchers = vouchers + (SELECT count(*) FROM made), changed_at = :now
    WHERE number = :number AND EXISTS (SELECT FROM made) RETURNING *
""")


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
