"""What must agree inside insurance-svc: policies, lists, batches and ledger, each counted where it does not.

Every number is rows that break a law; all of them are zero in a sound database. A few statements over whole tables.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# The two unique indexes over half-years forbid it; this asks the days themselves.
_DOUBLE_COVER = """
    SELECT count(DISTINCT member_id) FROM (
        SELECT member_id, first_day <= max(last_day) OVER (
            PARTITION BY member_id ORDER BY first_day, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS twice
        FROM policies WHERE NOT void) AS standing
    WHERE twice
"""

# A policy ends with its scheme's year and takes the half-years that its days lie in.
_DAYS_ASTRAY = """
    SELECT count(*) FROM policies p JOIN enrolments e ON e.id = p.enrolment_id
    LEFT JOIN calendar k ON k.scheme = e.scheme AND k.coverage_year = e.coverage_year AND k.district_id = 0
                        AND k.phase IN ('coverage', 'coverage_first_half')
    WHERE p.last_day <> coalesce(k.last_day, make_date(e.coverage_year, 12, 31))
       OR p.first_half IS DISTINCT FROM CASE WHEN date_part('month', p.last_day) <= 6 THEN date_part('year', p.last_day)
                                             WHEN date_part('month', p.first_day) <= 6
                                             THEN date_part('year', p.first_day) END
       OR p.second_half IS DISTINCT FROM CASE WHEN date_part('month', p.first_day) > 6
                                              THEN date_part('year', p.first_day)
                                              WHEN date_part('month', p.last_day) > 6
                                              THEN date_part('year', p.last_day) END
"""

# A list that stands has a policy a head, one that was released has none; its sums are its prices times its heads.
_LISTS_ASTRAY = """
    SELECT count(*) FROM enrolments e
    LEFT JOIN (SELECT enrolment_id, count(*) AS heads FROM policies WHERE NOT void GROUP BY 1) AS p
        ON p.enrolment_id = e.id
    LEFT JOIN (SELECT enrolment_id, sum(heads) AS heads, sum(heads * fee_fen) AS fee_fen,
                      sum(heads * subsidy_fen) AS subsidy_fen, sum(heads * district_fen) AS district_fen
               FROM enrolment_prices GROUP BY 1) AS s ON s.enrolment_id = e.id
    WHERE coalesce(p.heads, 0) <> CASE WHEN e.state IN ('submitted', 'basket', 'in_batch') THEN e.heads ELSE 0 END
       OR (e.heads, e.fee_fen, e.subsidy_fen, e.district_fen)
          IS DISTINCT FROM (s.heads, s.fee_fen, s.subsidy_fen, s.district_fen)
"""

# One class a union and year: held exactly while a list of it stands.
_CLASSES_ASTRAY = """
    SELECT count(*) FROM (
        SELECT DISTINCT union_id, coverage_year, class_code FROM enrolments
        WHERE state IN ('submitted', 'basket', 'in_batch') AND way <> 'personal') AS used
    FULL JOIN union_classes c USING (union_id, coverage_year, class_code)
    WHERE used.union_id IS NULL OR c.union_id IS NULL
"""

# A batch is the sum of its lists for as long as it holds them, and of its sums by class always.
_BATCHES_ASTRAY = """
    SELECT count(*) FROM batches b
    LEFT JOIN (SELECT batch_number, count(*) AS lists, sum(heads) AS heads, sum(fee_fen) AS fee_fen,
                      sum(subsidy_fen) AS subsidy_fen, sum(district_fen) AS district_fen
               FROM enrolments WHERE state = 'in_batch' GROUP BY 1) AS e ON e.batch_number = b.number
    LEFT JOIN (SELECT batch_number, sum(heads) AS heads, sum(fee_fen) AS fee_fen, sum(subsidy_fen) AS subsidy_fen,
                      sum(district_fen) AS district_fen
               FROM batch_sums GROUP BY 1) AS s ON s.batch_number = b.number
    WHERE (b.state IN ('reviewing', 'passed', 'written_off')
           AND (b.lists, b.heads, b.fee_fen, b.subsidy_fen, b.district_fen)
               IS DISTINCT FROM (e.lists, e.heads, e.fee_fen, e.subsidy_fen, e.district_fen))
       OR (b.state IN ('returned', 'voided') AND e.batch_number IS NOT NULL)
       OR (b.heads, b.fee_fen, b.subsidy_fen, b.district_fen)
          IS DISTINCT FROM (s.heads, s.fee_fen, s.subsidy_fen, s.district_fen)
"""

# A posting each adds up to zero; a district owes what its passed batches say, and premiums are their fees.
_POSTINGS_ASTRAY = "SELECT count(*) FROM (SELECT FROM ledger GROUP BY posting HAVING sum(amount_fen) <> 0) AS unequal"

_DISTRICTS_ASTRAY = """
    SELECT count(*) FROM (
        SELECT district_id, coverage_year, sum(due_fen - received_fen) AS due, sum(fee_fen) AS fee
        FROM batches WHERE state IN ('passed', 'written_off') GROUP BY 1, 2) AS b
    FULL JOIN (
        SELECT district_id, coverage_year,
               sum(amount_fen) FILTER (WHERE account = 'district_receivable') AS due,
               -sum(amount_fen) FILTER (WHERE account = 'premiums') AS fee
        FROM ledger GROUP BY 1, 2) AS l USING (district_id, coverage_year)
    WHERE (coalesce(b.due, 0), coalesce(b.fee, 0)) <> (coalesce(l.due, 0), coalesce(l.fee, 0))
"""

# What the bank moved is what the ledger took in for it, less what went back; a statement is the sum of its lines.
# A batch that was voided counts no movement any longer: all it had received is due back by one posting of its own.
_LINES_ASTRAY = """
    SELECT count(*) FROM (
        SELECT m.bank_reference, m.counted_fen, v.number IS NOT NULL AS voided,
               CASE WHEN m.settlement = 'refunded' THEN m.counted_fen ELSE m.amount_fen END AS cash
        FROM statement_lines m LEFT JOIN batches v ON v.number = m.batch_number AND v.state = 'voided') AS b
    FULL JOIN (
        SELECT substring(posting FROM '^line/(.*)/(received|refunded|credited|left/[^/]*|attached/[^/]*)$')
                   AS bank_reference,
               sum(amount_fen) FILTER (WHERE account = 'cash') AS cash,
               -sum(amount_fen) FILTER (WHERE account = 'district_receivable') AS counted_fen
        FROM ledger WHERE posting LIKE 'line/%' GROUP BY 1) AS l USING (bank_reference)
    WHERE (b.cash, b.counted_fen)
          IS DISTINCT FROM (l.cash, CASE WHEN b.voided THEN 0 ELSE coalesce(l.counted_fen, 0) END)
"""
_STATEMENTS_ASTRAY = """
    SELECT count(*) FROM statements s
    LEFT JOIN (SELECT day, count(*) AS lines, sum(amount_fen) AS amount_fen FROM statement_lines GROUP BY 1) AS l
        USING (day)
    WHERE (s.lines, s.amount_fen) <> (coalesce(l.lines, 0), coalesce(l.amount_fen, 0))
"""

_LAWS = sa.text(f"""
    SELECT ({_DOUBLE_COVER}) AS double_cover, ({_DAYS_ASTRAY}) AS days_astray,
           ({_LINES_ASTRAY}) AS lines_astray, ({_STATEMENTS_ASTRAY}) AS statements_astray,
           ({_LISTS_ASTRAY}) AS lists_astray,
           ({_CLASSES_ASTRAY}) AS classes_astray, ({_BATCHES_ASTRAY}) AS batches_astray,
           ({_POSTINGS_ASTRAY}) AS postings_astray, ({_DISTRICTS_ASTRAY}) AS districts_astray
""")  # the words above

_BATCHES = sa.text("""
    SELECT number, district_code, scheme, coverage_year, state, heads, due_fen, received_fen, submitted_at
    FROM batches WHERE number > :after ORDER BY number LIMIT :limit
""")


async def broken(conn: AsyncConnection) -> dict[str, int]:
    """How many rows break which law."""
    return dict((await conn.execute(_LAWS)).one()._mapping)


async def batches(conn: AsyncConnection, after: str, limit: int) -> Sequence[sa.Row[Any]]:
    """Every batch, to be compared with its workflow."""
    return (await conn.execute(_BATCHES, {"after": after, "limit": limit})).all()
