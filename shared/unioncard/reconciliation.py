"""What a service tells an auditor: tallies that a copy and its source can be compared by without moving the data."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from unioncard.database import reading
from unioncard.web.pages import Page, PageRequest, cursor_after


class Tally(BaseModel):
    """The rows of one union (or one organisation): equal sets have equal tallies."""

    id: int = Field(description="工会（组织）编号；0 为无工会")
    count: int
    checksum: str = Field(description="各行内容的散列之和")


@dataclass(frozen=True, slots=True)
class Noun:
    """What is tallied: rows (a FROM clause), by what, and the text of a row that both sides must agree on."""

    rows: str
    by: str
    content: str


# The contents are spelt here, once: source and copy must hash the same text.
MEMBER_CONTENT = "{0}.id || ':' || {0}.version || ':' || {0}.state || ':' || coalesce({0}.number, '')"
CARD_CONTENT = "{0}.member_id || ':' || {0}.version || ':' || {0}.state"
ORGANISATION_CONTENT = "{0}.id || ':' || {0}.version || ':' || {0}.path || ':' || {0}.name"

_CROSSINGS = sa.text("""
    SELECT (SELECT count(*) FROM outbox WHERE refused IS NULL) AS outbox_waiting,
           (SELECT count(*) FROM outbox WHERE refused IS NOT NULL) AS outbox_refused,
           (SELECT count(*) FROM inbox WHERE state = 'running') AS inbox_running,
           (SELECT count(*) FROM partner_calls) AS partner_calls_waiting
""")


class CrossingCounts(BaseModel):
    """What lies between this service and the others; all zero once everything has settled."""

    outbox_waiting: int
    outbox_refused: int
    inbox_running: int
    partner_calls_waiting: int


async def tallies(engine: AsyncEngine, noun: Noun, paging: PageRequest) -> Page[Tally]:
    """One page of tallies in order of their id."""
    key = paging.key(int)
    query = sa.text(
        f"SELECT coalesce({noun.by}, 0) AS id, count(*) AS count,"  # noqa: S608  # the nouns are constants of the code
        f" CAST(sum(hashtextextended({noun.content}, 0)) AS text) AS checksum"
        f" FROM {noun.rows} AND coalesce({noun.by}, 0) > :after GROUP BY 1 ORDER BY 1 LIMIT :limit"
    )
    values = {"after": key[0] if key else -1, "limit": paging.limit + 1}
    async with reading(engine) as conn:
        rows: Sequence[sa.RowMapping] = (await conn.execute(query, values)).mappings().all()
    return Page(
        items=[Tally.model_validate(dict(row)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row["id"]]),
    )


async def crossings(conn: AsyncConnection) -> CrossingCounts:
    """What waits in outbox, inbox and partner calls."""
    return CrossingCounts.model_validate(dict((await conn.execute(_CROSSINGS)).mappings().one()))
