"""All SQL of gathering: claims that are to be paid become payouts in batches of at most 1,000."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from claims_svc.claims.bulk import change_all
from claims_svc.ledger import store as ledger
from claims_svc.payouts import events
from claims_svc.payouts.rules import BATCH_LIMIT, batch_number, payout_number
from unioncard.contracts.claims import ClaimState
from unioncard.telemetry import current_traceparent
from unioncard.unit_of_work import Transaction

# Two that gather at once share the claims between them; nobody waits.
_READY = sa.text("""
    SELECT number, member_id, union_id, district_id, benefit, payee, account_id
    FROM claims c WHERE state = 'to_pay'
      AND NOT EXISTS (SELECT FROM payouts p WHERE p.claim_number = c.number AND p.state = 'waiting')
    ORDER BY number FOR UPDATE SKIP LOCKED
""")

# What of each part is approved and neither paid nor on its way.
_OWED = sa.text("""
    WITH asked AS MATERIALIZED (SELECT * FROM unnest(CAST(:claims AS text[])) AS asked(claim_number)),
    standing AS MATERIALIZED (
        SELECT pp.claim_number, pp.policy_id, sum(pp.amount_fen) AS fen
        FROM payout_parts pp JOIN asked USING (claim_number) JOIN payouts o ON o.number = pp.payout_number
        WHERE o.state IN ('waiting', 'paid') GROUP BY 1, 2)
    SELECT p.claim_number, p.policy_id, p.district_id, p.coverage_year, p.class_code,
           CAST(p.approved_fen - coalesce(s.fen, 0) AS bigint) AS amount_fen
    FROM claim_parts p JOIN asked USING (claim_number)
    LEFT JOIN standing s ON (s.claim_number, s.policy_id) = (p.claim_number, p.policy_id)
    WHERE p.approved_fen > coalesce(s.fen, 0)
    ORDER BY p.claim_number, p.policy_id
""")

_NUMBERS = sa.text("""
    INSERT INTO payout_days (day, last) VALUES (:day, :wanted)
    ON CONFLICT (day) DO UPDATE SET last = payout_days.last + :wanted
    RETURNING last
""")

_BATCHES = sa.text("""
    INSERT INTO payout_batches (number, on_day, state, payouts, amount_fen, waiting, opened_at, opened_by, traceparent)
    SELECT number, :day, 'gathered', payouts, amount_fen, payouts, :now, :actor, :traceparent
    FROM unnest(CAST(:numbers AS text[]), CAST(:payouts AS integer[]), CAST(:amounts AS bigint[]))
         AS new(number, payouts, amount_fen)
    RETURNING *
""")

_PAYOUTS = sa.text("""
    INSERT INTO payouts (number, batch_number, claim_number, member_id, union_id, district_id, benefit, payee,
        account_id, amount_fen)
    SELECT new.number, new.batch_number, c.number, c.member_id, c.union_id, c.district_id, c.benefit, c.payee,
        c.account_id, new.amount_fen
    FROM unnest(CAST(:numbers AS text[]), CAST(:batches AS text[]), CAST(:claims AS text[]), CAST(:amounts AS bigint[]))
         AS new(number, batch_number, claim_number, amount_fen)
    JOIN claims c ON c.number = new.claim_number
""")

_PARTS = sa.text("""
    INSERT INTO payout_parts (payout_number, policy_id, claim_number, district_id, coverage_year, class_code,
        amount_fen)
    SELECT * FROM unnest(CAST(:numbers AS text[]), CAST(:policies AS bigint[]), CAST(:claims AS text[]),
        CAST(:districts AS bigint[]), CAST(:years AS smallint[]), CAST(:classes AS text[]), CAST(:amounts AS bigint[]))
""")


@dataclass(frozen=True, slots=True)
class _Payout:
    number: str
    batch: str
    claim: str
    parts: Sequence[sa.Row[Any]]

    @property
    def amount_fen(self) -> int:
        return sum(one.amount_fen for one in self.parts)


async def gather(tx: Transaction, day: date) -> tuple[int, int]:
    """Put every claim that is to be paid into a batch; (batches, payouts). Nothing to pay: no batch."""
    ready = [row.number for row in await tx.conn.execute(_READY)]
    if not ready:
        return 0, 0
    await ledger.post_approved(tx, ready)
    owed: dict[str, list[sa.Row[Any]]] = {}
    for row in await tx.conn.execute(_OWED, {"claims": ready}):
        owed.setdefault(row.claim_number, []).append(row)
    if not owed:
        return 0, 0
    payouts = await _numbered(tx, day, owed)
    await _write(tx, day, payouts)
    await change_all(tx, list(owed), [ClaimState.TO_PAY], ClaimState.PAYING)
    return len({one.batch for one in payouts}), len(payouts)


async def _numbered(tx: Transaction, day: date, owed: dict[str, list[sa.Row[Any]]]) -> list[_Payout]:
    wanted = -(-len(owed) // BATCH_LIMIT)
    last = int((await tx.conn.execute(_NUMBERS, {"day": day, "wanted": wanted})).scalar_one())
    batches = [batch_number(day, place) for place in range(last - wanted + 1, last + 1)]
    return [
        _Payout(
            payout_number(batches[at // BATCH_LIMIT], at % BATCH_LIMIT + 1), batches[at // BATCH_LIMIT], claim, parts
        )
        for at, (claim, parts) in enumerate(owed.items())
    ]


async def _write(tx: Transaction, day: date, payouts: Sequence[_Payout]) -> None:
    by_batch: dict[str, list[_Payout]] = {}
    for one in payouts:
        by_batch.setdefault(one.batch, []).append(one)
    rows = await tx.conn.execute(
        _BATCHES,
        {
            "numbers": list(by_batch),
            "payouts": [len(group) for group in by_batch.values()],
            "amounts": [sum(one.amount_fen for one in group) for group in by_batch.values()],
            "day": day,
            "now": tx.now,
            "actor": tx.actor,
            "traceparent": current_traceparent(),
        },
    )
    opened = rows.all()
    await tx.conn.execute(
        _PAYOUTS,
        {
            "numbers": [one.number for one in payouts],
            "batches": [one.batch for one in payouts],
            "claims": [one.claim for one in payouts],
            "amounts": [one.amount_fen for one in payouts],
        },
    )
    parts = [(one.number, part) for one in payouts for part in one.parts]
    await tx.conn.execute(
        _PARTS,
        {
            "numbers": [number for number, _ in parts],
            "policies": [part.policy_id for _, part in parts],
            "claims": [part.claim_number for _, part in parts],
            "districts": [part.district_id for _, part in parts],
            "years": [part.coverage_year for _, part in parts],
            "classes": [part.class_code for _, part in parts],
            "amounts": [part.amount_fen for _, part in parts],
        },
    )
    for row in opened:
        events.opened(tx, row)
        after = {"payouts": row.payouts, "amount_fen": row.amount_fen}
        tx.audit("payout-batch.gathered", f"payout-batch:{row.number}", after=after)
