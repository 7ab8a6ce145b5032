"""What must agree inside claims-svc: claims, their parts, payouts, batches and ledger, each counted where it does not.

Every number is rows that break a law; all of them are zero in a sound database. A few statements over whole tables.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# Money: what is decided is approved or refused, nothing between; a claim is the sum of its parts.
_CLAIMS_ASTRAY = """
    SELECT count(*) FROM claims c
    LEFT JOIN (SELECT claim_number, sum(claimed_fen) AS claimed_fen, sum(approved_fen) AS approved_fen
               FROM claim_parts GROUP BY 1) p ON p.claim_number = c.number
    WHERE p.claim_number IS NOT NULL AND p.claimed_fen <> c.claimed_fen
       OR c.state IN ('to_pay', 'paying', 'returned', 'paid')
          AND (coalesce(p.approved_fen, 0) <> c.approved_fen OR c.claimed_fen <> c.approved_fen + c.refused_fen)
"""

# Paid exactly once: nothing is out beyond what was approved of a part, and who counts as paid has all of it.
_PAID_TOO_MUCH = """
    SELECT count(*) FROM claim_parts p JOIN (
        SELECT pp.claim_number, pp.policy_id, sum(pp.amount_fen) AS out_fen
        FROM payout_parts pp JOIN payouts o ON o.number = pp.payout_number
        WHERE o.state IN ('waiting', 'paid') GROUP BY 1, 2) s
        ON s.claim_number = p.claim_number AND s.policy_id = p.policy_id
    WHERE s.out_fen > p.approved_fen
"""

_UNPAID_ASTRAY = """
    SELECT count(*) FROM claims c
    LEFT JOIN (SELECT claim_number, count(*) FILTER (WHERE state = 'waiting') AS waiting,
                      coalesce(sum(amount_fen) FILTER (WHERE state = 'paid'), 0) AS paid_fen
               FROM payouts GROUP BY 1) o ON o.claim_number = c.number
    WHERE (c.state = 'paying') <> (coalesce(o.waiting, 0) = 1)
       OR c.state = 'paid' AND coalesce(o.paid_fen, 0) <> c.approved_fen
       OR c.state = 'closed' AND c.approved_fen > 0 AND coalesce(o.paid_fen, 0) <> c.approved_fen
       OR c.state IN ('to_pay', 'paying', 'returned') AND coalesce(o.paid_fen, 0) >= c.approved_fen
"""

_PAYOUTS_ASTRAY = """
    SELECT count(*) FROM payouts o
    LEFT JOIN (SELECT payout_number, sum(amount_fen) AS amount_fen FROM payout_parts GROUP BY 1) p
        ON p.payout_number = o.number
    WHERE p.amount_fen IS DISTINCT FROM o.amount_fen
"""

_BATCHES_ASTRAY = """
    SELECT count(*) FROM payout_batches b
    LEFT JOIN (SELECT batch_number, count(*) FILTER (WHERE state <> 'left_out') AS payouts,
                      coalesce(sum(amount_fen) FILTER (WHERE state <> 'left_out'), 0) AS amount_fen,
                      count(*) FILTER (WHERE state = 'waiting') AS waiting,
                      count(*) FILTER (WHERE state = 'paid') AS paid,
                      count(*) FILTER (WHERE state = 'returned') AS returned,
                      count(*) FILTER (WHERE state = 'left_out') AS left_out
               FROM payouts GROUP BY 1) o ON o.batch_number = b.number
    WHERE (b.payouts, b.amount_fen, b.waiting, b.paid, b.returned, b.left_out)
          IS DISTINCT FROM (o.payouts, o.amount_fen, o.waiting, o.paid, o.returned, o.left_out)
       OR (b.state = 'done') <> (b.waiting = 0)
"""

# A posting adds up to zero in each book; the books say what claims and payouts say.
_POSTINGS_ASTRAY = """
    SELECT count(*) FROM (SELECT FROM ledger GROUP BY posting, district_id, coverage_year, class_code
                          HAVING sum(amount_fen) <> 0) AS unequal
"""

_BOOKS_ASTRAY = """
    SELECT count(*) FROM (
        SELECT p.claim_number, p.district_id, p.coverage_year, p.class_code, sum(p.approved_fen) AS approved,
               coalesce(sum(o.sent), 0) AS sent, coalesce(sum(o.paid), 0) AS paid
        FROM claim_parts p
        LEFT JOIN (SELECT pp.claim_number, pp.policy_id,
                          sum(pp.amount_fen) FILTER (WHERE x.state = 'waiting' AND b.state <> 'gathered') AS sent,
                          sum(pp.amount_fen) FILTER (WHERE x.state = 'paid') AS paid
                   FROM payout_parts pp JOIN payouts x ON x.number = pp.payout_number
                   JOIN payout_batches b ON b.number = x.batch_number GROUP BY 1, 2) o
            ON o.claim_number = p.claim_number AND o.policy_id = p.policy_id
        GROUP BY 1, 2, 3, 4) AS facts
    FULL JOIN (
        SELECT claim_number, district_id, coverage_year, class_code,
               coalesce(sum(amount_fen) FILTER (WHERE account = 'benefits'), 0) AS approved,
               -coalesce(sum(amount_fen) FILTER (WHERE account = 'in_transit'), 0) AS sent,
               -coalesce(sum(amount_fen) FILTER (WHERE account = 'cash'), 0) AS paid
        FROM ledger GROUP BY 1, 2, 3, 4) AS books USING (claim_number, district_id, coverage_year, class_code)
    WHERE (coalesce(facts.approved, 0), coalesce(facts.sent, 0), coalesce(facts.paid, 0))
       <> (coalesce(books.approved, 0), coalesce(books.sent, 0), coalesce(books.paid, 0))
"""

# The index forbids a night twice; this asks the days of claims that stand, and the policies' maximum.
_NIGHTS_ASTRAY = """
    SELECT (SELECT count(*) FROM (SELECT FROM claim_days WHERE standing GROUP BY member_id, day
                                  HAVING count(*) > 1) AS twice)
         + (SELECT count(*) FROM (
                SELECT p.policy_id FROM claim_parts p JOIN claim_days d
                    ON d.claim_number = p.claim_number AND d.policy_id = p.policy_id AND d.standing
                WHERE p.limit_days IS NOT NULL GROUP BY p.policy_id HAVING count(*) > min(p.limit_days)) AS over)
"""

_LAWS = sa.text(f"""
    SELECT ({_CLAIMS_ASTRAY}) AS claims_astray, ({_PAID_TOO_MUCH}) AS paid_too_much,
           ({_UNPAID_ASTRAY}) AS unpaid_astray, ({_PAYOUTS_ASTRAY}) AS payouts_astray,
           ({_BATCHES_ASTRAY}) AS payout_batches_astray, ({_POSTINGS_ASTRAY}) AS postings_astray,
           ({_BOOKS_ASTRAY}) AS books_astray, ({_NIGHTS_ASTRAY}) AS nights_astray
""")  # the words above

_CLAIMS = sa.text("""
    SELECT number, version, state, member_id, district_code, benefit, claimed_fen, approved_fen, refused_fen, filed_at
    FROM claims WHERE number > :after ORDER BY number LIMIT :limit
""")

_BATCHES = sa.text("""
    SELECT number, state, payouts, amount_fen, waiting, paid, returned, left_out, opened_at
    FROM payout_batches WHERE number > :after ORDER BY number LIMIT :limit
""")

_LOSSES = sa.text("""
    SELECT pp.district_id, pp.coverage_year, count(DISTINCT o.number) AS payouts,
           CAST(sum(pp.amount_fen) AS bigint) AS amount_fen
    FROM payout_parts pp JOIN payouts o ON o.number = pp.payout_number
    WHERE o.state = 'paid' GROUP BY 1, 2 ORDER BY 1, 2
""")


async def broken(conn: AsyncConnection) -> dict[str, int]:
    """How many rows break which law."""
    return dict((await conn.execute(_LAWS)).one()._mapping)


async def claims(conn: AsyncConnection, after: str, limit: int) -> Sequence[sa.Row[Any]]:
    """Every claim, to be compared with its workflow."""
    return (await conn.execute(_CLAIMS, {"after": after, "limit": limit})).all()


async def payout_batches(conn: AsyncConnection, after: str, limit: int) -> Sequence[sa.Row[Any]]:
    """Every payout batch, to be compared with its workflow and the bank."""
    return (await conn.execute(_BATCHES, {"after": after, "limit": limit})).all()


async def losses(conn: AsyncConnection) -> Sequence[sa.Row[Any]]:
    """What has arrived by district and coverage year, to be compared with insurance-svc's losses."""
    return (await conn.execute(_LOSSES)).all()
