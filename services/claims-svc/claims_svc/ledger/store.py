"""All SQL of the ledger."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.ledger.rules import Account, Book, Posting, approved
from claims_svc.ledger.tables import LEDGER
from unioncard import ledger as of_accounts
from unioncard.narrowing import conditions
from unioncard.unit_of_work import Transaction

# A key that is there already posts nothing, whatever it says now.
_POST = sa.text("""
    INSERT INTO ledger (posting, account, claim_number, district_id, coverage_year, class_code, amount_fen, business_at)
    SELECT posting, account, claim_number, district_id, coverage_year, class_code, amount_fen, :now
    FROM unnest(CAST(:postings AS text[]), CAST(:accounts AS text[]), CAST(:claims AS text[]),
                CAST(:districts AS bigint[]), CAST(:years AS smallint[]), CAST(:classes AS text[]),
                CAST(:amounts AS bigint[]))
         AS new(posting, account, claim_number, district_id, coverage_year, class_code, amount_fen)
    ON CONFLICT (posting, account, district_id, coverage_year, class_code) DO NOTHING
""")

# What was approved of each claim and is not in the books yet. Two policies may be of one book. Sums are joined, not
# looked up row by row: a day's run asks for ten thousand claims.
_UNPOSTED = sa.text("""
    WITH asked AS MATERIALIZED (SELECT * FROM unnest(CAST(:claims AS text[])) AS asked(claim_number)),
    owed AS MATERIALIZED (
        SELECT claim_number, district_id, coverage_year, class_code, sum(approved_fen) AS fen
        FROM claim_parts JOIN asked USING (claim_number) GROUP BY 1, 2, 3, 4),
    posted AS MATERIALIZED (
        SELECT claim_number, district_id, coverage_year, class_code, sum(amount_fen) AS fen
        FROM ledger JOIN asked USING (claim_number) WHERE account = 'benefits' GROUP BY 1, 2, 3, 4)
    SELECT c.number, c.version, owed.district_id, owed.coverage_year, owed.class_code,
           CAST(owed.fen - coalesce(posted.fen, 0) AS bigint) AS amount_fen
    FROM owed JOIN claims c ON c.number = owed.claim_number
    LEFT JOIN posted ON (posted.claim_number, posted.district_id, posted.coverage_year, posted.class_code)
                      = (owed.claim_number, owed.district_id, owed.coverage_year, owed.class_code)
    WHERE owed.fen <> coalesce(posted.fen, 0)
""")


async def post(tx: Transaction, postings: Sequence[Posting]) -> None:
    """Write postings with one statement; each key counts once, whoever writes it first."""
    rows = [
        (one.key, account.value, one.claim_number, *_columns(one.book), amount)
        for one in postings
        for account, amount in one.amounts.items()
        if amount
    ]
    if not rows:
        return
    keys, accounts, claims, districts, years, classes, amounts = zip(*rows, strict=True)
    values: dict[str, Any] = {
        "postings": list(keys),
        "accounts": list(accounts),
        "claims": list(claims),
        "districts": list(districts),
        "years": list(years),
        "classes": list(classes),
        "amounts": list(amounts),
        "now": tx.now,
    }
    await tx.conn.execute(_POST, values)


async def post_approved(tx: Transaction, claim_numbers: Sequence[str]) -> None:
    """Bring the books in line with what is approved of these claims; call it after the claims have changed."""
    rows = await tx.conn.execute(_UNPOSTED, {"claims": list(claim_numbers)})
    books = [(row, Book(row.district_id, row.coverage_year, row.class_code)) for row in rows]
    await post(tx, [approved(row.number, row.version, book, row.amount_fen) for row, book in books])


async def balances(conn: AsyncConnection, district_id: int | None, year: int | None) -> Sequence[sa.Row[Any]]:
    """Debits and credits by account, over all districts and years unless narrowed."""
    return await of_accounts.balances(conn, LEDGER, _narrowed(district_id, year))


async def page(
    conn: AsyncConnection,
    district_id: int | None,
    year: int | None,
    account: Account | None,
    claim_number: str | None,
    before_id: int | None,
    limit: int,
) -> Sequence[sa.Row[Any]]:
    """Entries, the newest first."""
    columns = LEDGER.c
    query = sa.select(LEDGER).where(
        *_narrowed(district_id, year),
        *conditions(
            (account, lambda value: columns.account == value.value),
            (claim_number, lambda value: columns.claim_number == value),
            (before_id, lambda value: columns.id < value),
        ),
    )
    return (await conn.execute(query.order_by(columns.id.desc()).limit(limit))).all()


def _narrowed(district_id: int | None, year: int | None) -> list[sa.ColumnElement[bool]]:
    columns = LEDGER.c
    return conditions(
        (district_id, lambda value: columns.district_id == value),
        (year, lambda value: columns.coverage_year == value),
    )


def _columns(book: Book) -> tuple[int, int, str]:
    return book.district_id, book.coverage_year, book.class_code
