"""All SQL of the ledger."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.ledger.rules import Account, Posting
from insurance_svc.ledger.tables import LEDGER
from unioncard import ledger as of_accounts
from unioncard.narrowing import conditions
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


async def balances(conn: AsyncConnection, district_id: int | None, year: int | None) -> Sequence[sa.Row[Any]]:
    """Debits and credits by account, over all districts and years unless narrowed."""
    return await of_accounts.balances(conn, LEDGER, _narrowed(district_id, year, None))


async def page(
    conn: AsyncConnection,
    district_id: int | None,
    year: int | None,
    account: str | None,
    before_id: int | None,
    limit: int,
) -> Sequence[sa.Row[Any]]:
    """Entries, the newest first."""
    query = sa.select(LEDGER).where(*_narrowed(district_id, year, account))
    if before_id is not None:
        query = query.where(LEDGER.c.id < before_id)
    return (await conn.execute(query.order_by(LEDGER.c.id.desc()).limit(limit))).all()


async def subsidy_outstanding(conn: AsyncConnection, district_id: int, year: int) -> int:
    """What the federation has not paid yet of a district's subsidy of a year, in fen."""
    columns = LEDGER.c
    query = sa.select(sa.func.coalesce(sa.func.sum(columns.amount_fen), 0)).where(
        columns.account == Account.SUBSIDY_RECEIVABLE.value,
        columns.district_id == district_id,
        columns.coverage_year == year,
    )
    return int(await conn.scalar(query) or 0)


async def is_posted(conn: AsyncConnection, key: str) -> bool:
    """Whether a posting of this key was made."""
    return bool(await conn.scalar(sa.select(sa.exists().where(LEDGER.c.posting == key))))


def _narrowed(district_id: int | None, year: int | None, account: str | None) -> list[sa.ColumnElement[bool]]:
    columns = LEDGER.c
    return conditions(
        (district_id, lambda value: columns.district_id == value),
        (year, lambda value: columns.coverage_year == value),
        (account, lambda value: columns.account == value),
    )
