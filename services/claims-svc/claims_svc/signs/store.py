"""All SQL of the signs: what else is known that a claim should be compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.signs.rules import SHOWN, SOON_DAYS, SignKind

# The same event is the same illness, accident or death, or a night of a stay, whatever became of the other claim:
# also one that was refused or withdrawn in one union and is tried in another.
_SIGNS = sa.text(f"""
    WITH own AS (
        SELECT c.number, c.member_id, c.union_id, c.event, c.event_day, c.last_day, c.event_hash, c.accident_hash,
               c.coverage_year, coalesce(h.account_hash, a.account_hash) AS account_hash
        FROM claims c LEFT JOIN heirs h ON h.claim_number = c.number AND c.payee = 'heir'
        LEFT JOIN unit_accounts a ON a.id = c.account_id
        WHERE c.number = :number
    ), elsewhere AS (
        SELECT c.number, c.number AS what
        FROM own JOIN claims c ON c.member_id = own.member_id AND c.union_id <> own.union_id
        WHERE c.event_hash = own.event_hash OR c.accident_hash = own.accident_hash
           OR (own.event = 'stay' AND c.event = 'stay' AND c.event_day <= own.last_day
               AND c.last_day >= own.event_day)
    ), soon AS (
        SELECT p.claim_number AS number, c.union_id, c.coverage_year
        FROM own JOIN claims c ON c.number = own.number OR (c.union_id = own.union_id
                                                            AND c.coverage_year = own.coverage_year)
        JOIN claim_parts p ON p.claim_number = c.number
        WHERE c.event_day < p.covered_from + {SOON_DAYS} AND c.event_day >= p.covered_from
    ), payees AS (
        SELECT c.number, c.member_id
        FROM own JOIN unit_accounts a ON a.account_hash = own.account_hash JOIN claims c ON c.account_id = a.id
        WHERE c.member_id <> own.member_id
        UNION
        SELECT c.number, c.member_id
        FROM own JOIN heirs h ON h.account_hash = own.account_hash JOIN claims c ON c.number = h.claim_number
        WHERE c.member_id <> own.member_id AND c.payee = 'heir'
    )
    SELECT '{SignKind.SAME_EVENT}' AS kind, count(*) AS others,
           (array_agg(number ORDER BY number DESC))[1:{SHOWN}] AS claims
    FROM elsewhere HAVING count(*) > 0
    UNION ALL
    SELECT '{SignKind.SOON_AFTER_COVER}', count(DISTINCT number) - 1,
           (array_agg(DISTINCT number) FILTER (WHERE number <> :number))[1:{SHOWN}]
    FROM soon HAVING bool_or(number = :number)
    UNION ALL
    SELECT '{SignKind.SAME_PAYEE}', count(DISTINCT member_id), (array_agg(DISTINCT number))[1:{SHOWN}]
    FROM payees HAVING count(*) > 0
""")  # noqa: S608  # constants of ours

# Whether there is any, for a claim paid onto the member's own card: the rules alone may decide where there is none.
_ANY = sa.text(f"""
    SELECT EXISTS (
        SELECT FROM claims own JOIN claims c ON c.member_id = own.member_id AND c.union_id <> own.union_id
        WHERE own.number = :number
          AND (c.event_hash = own.event_hash OR c.accident_hash = own.accident_hash
               OR (own.event = 'stay' AND c.event = 'stay' AND c.event_day <= own.last_day
                   AND c.last_day >= own.event_day)))
      OR EXISTS (
        SELECT FROM claims own JOIN claim_parts p ON p.claim_number = own.number
        WHERE own.number = :number AND own.event_day < p.covered_from + {SOON_DAYS}
          AND own.event_day >= p.covered_from)
""")  # noqa: S608  # constants of ours


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign, how many others it is about, and the first claims among them."""

    kind: SignKind
    count: int
    claims: Sequence[str]


async def signs(conn: AsyncConnection, number: str) -> list[Sign]:
    """The signs of a claim, with one statement."""
    rows = await conn.execute(_SIGNS, {"number": number})
    return [Sign(SignKind(row.kind), row.others, row.claims or ()) for row in rows]


async def any_sign(conn: AsyncConnection, number: str) -> bool:
    """Whether a claim to the member's own card shows any sign."""
    return bool(await conn.scalar(_ANY, {"number": number}))
