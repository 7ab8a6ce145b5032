"""All SQL of the ledger."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.ledger.rules import Account, Posting
from unioncard.unit_of_work import Transaction

# A key that is there already posts nothing, whatever it says now.
_POST = sa.text("""
    INSERT INTO ledger (posting, account, district_id, coverage_year, amount_fen, business_at)
    SELECT posting, account, district_id, coverage_year, amount_fen, :now
    FROM unnest(CAST(:postings AS text[]), CAST(:accounts AS text[]), CAST(:districts AS bigint[]),
                CAST(:years AS smallint[]), CAST(:amounts AS bigint[]))
         AS new(posting, account, district_id, coverage_year, amount_fen)
    WHERE NOT EXISTS (SELECT FROM ledger l WHERE l.posting = new.posting)
    ON CONFLICT (posting, account, district_id) DO NOTHING
""")


async def post(tx: Transaction, postings: Sequence[Posting]) -> None:
    """Write postings with one statement; each key counts once, whoever writes it first."""
    rows = [
        (one.key, account.value, one.district_id, one.coverage_year, amount)
        for one in postings
        for account, amount in one.amounts.items()
        if amount
    ]
    if not rows:
        return
    keys, accounts, districts, years, amounts = zip(*rows, strict=True)
    values: dict[str, Any] = {
        "postings": list(keys),
        "accounts": list(accounts),
        "districts": list(districts),
        "years": list(years),
        "amounts": list(amounts),
        "now": tx.now,
    }
    await tx.conn.execute(_POST, values)


async def balance(conn: AsyncConnection, account: Account, district_id: int) -> int:
    """Debits less credits of an account of a district, over all years, in fen."""
    query = sa.text(
        "SELECT coalesce(sum(amount_fen), 0) FROM ledger WHERE account = :account AND district_id = :district"
    )
    return int(await conn.scalar(query, {"account": account.value, "district": district_id}) or 0)
