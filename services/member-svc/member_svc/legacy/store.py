"""All SQL of loading members: a chunk is staged by COPY and goes over in sets."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from member_svc.legacy.preparing import STAGED
from member_svc.organisations.tables import ORGANISATIONS

# Temporary: no other session sees it, nothing of it is logged, and it is empty after each transaction.
_STAGING = sa.text("""
    CREATE TEMPORARY TABLE IF NOT EXISTS legacy_members (
        id bigint, line int, union_id bigint, number text, state text, kind text, left_reason text, name_enc text,
        name_hash text, document_type text, document_enc text, document_hash text, document_expiry date,
        nationality text, sex text, birth_date date, mobile_enc text, address_enc text, education text, household text,
        grade text, post text
    ) ON COMMIT DELETE ROWS
""")
_COPY = f"COPY legacy_members ({', '.join(STAGED)}) FROM STDIN"

_COLUMNS = ", ".join(name for name in STAGED if name != "line")
# Of two lines for one person, in this chunk or in one that another connection loads, the first to come is taken.
_INSERT = sa.text(f"""
    INSERT INTO members ({_COLUMNS}, version) SELECT {_COLUMNS}, 1 FROM legacy_members ON CONFLICT DO NOTHING
""")  # noqa: S608  # the names above

_LEFT = sa.text("""
    SELECT s.id, s.line, coalesce(n.id = d.id, false) AS known, n.id IS NOT NULL AS number_taken
    FROM legacy_members s
    LEFT JOIN members m ON m.id = s.id
    LEFT JOIN members n ON n.number = s.number
    LEFT JOIN members d ON d.document_hash = s.document_hash
    WHERE m.id IS NULL
""")

# Numbers made from now on come after those that were brought along; in one order, for chunks are loaded at once.
_NUMBERS = sa.text("""
    INSERT INTO member_numbers AS n (district_code, last)
    SELECT left(number, 3), max(CAST(right(number, 7) AS bigint)) FROM legacy_members GROUP BY 1 ORDER BY 1
    ON CONFLICT (district_code) DO UPDATE SET last = excluded.last WHERE n.last < excluded.last
""")


async def unions(conn: AsyncConnection) -> dict[str, int]:
    """Ids of grass-roots unions by their code."""
    c = ORGANISATIONS.c
    return {row.code: row.id for row in await conn.execute(sa.select(c.code, c.id).where(c.level == "union"))}


async def stage(conn: AsyncConnection, copy: bytes) -> None:
    """Lines in COPY's text format into this transaction's staging table."""
    await conn.execute(_STAGING)
    driver: Any = (await conn.get_raw_connection()).driver_connection
    async with driver.cursor().copy(_COPY) as lines:
        await lines.write(copy)


async def insert_staged(conn: AsyncConnection) -> int:
    """Staged members become members; returns how many did."""
    return (await conn.execute(_INSERT)).rowcount


async def left_out(conn: AsyncConnection) -> Sequence[sa.Row[Any]]:
    """Staged lines that did not become members: ``known`` ones are there already, the others' keys are taken."""
    return (await conn.execute(_LEFT)).all()


async def raise_numbers(conn: AsyncConnection) -> None:
    """Member numbers of each district go on behind the staged ones."""
    await conn.execute(_NUMBERS)
