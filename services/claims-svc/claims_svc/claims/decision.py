"""A decision takes effect: what is approved is owed, what is refused can be appealed against."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from claims_svc.claims import store
from claims_svc.claims.rules import Reason
from claims_svc.ledger import store as ledger
from unioncard.contracts.claims import ClaimState
from unioncard.dates import day_end_exclusive, shanghai_date
from unioncard.unit_of_work import Transaction

BY_RULE = "rule"
"""Who decided, where no person did."""


def appeal_until(now: datetime, appeal_days: int) -> datetime:
    """The first instant too late to appeal against what is decided now: whole days, the last one included."""
    return day_end_exclusive(shanghai_date(now) + timedelta(days=appeal_days))


async def approve(
    tx: Transaction,
    row: Any,
    from_states: Iterable[ClaimState],
    *,
    by: str,
    appeal_days: int,
    amounts: Mapping[int, int] | None = None,
    reasons: Sequence[Reason] | None = None,
    **values: Any,
) -> sa.Row[Any] | None:
    """Approve a locked claim: what the rules allow, or ``amounts`` by policy; what is left of it is refused.

    The claim's row then, None if it was in none of these states. ``reasons``: why less is paid than asked for; None
    keeps those of the assessment. ``values`` are further columns.
    """
    approved = await store.approve_parts(tx.conn, row.number, amounts)
    assert approved > 0  # nothing approved is a refusal
    claimed = values.get("claimed_fen", row.claimed_fen)
    if reasons is not None:
        values["reasons"] = [one.row() for one in reasons]
    moved = await store.change(
        tx,
        row.number,
        from_states,
        ClaimState.TO_PAY,
        **values
        | {
            "approved_fen": approved,
            "refused_fen": claimed - approved,
            "decided_by": by,
            "decided_at": tx.now,
            "appeal_until": appeal_until(tx.now, appeal_days),
            "due_at": None,
            "missing": 0,
            "district_stamp": False,
        },
    )
    if moved is not None:
        await ledger.post_approved(tx, [row.number])
    return moved


async def refuse(
    tx: Transaction,
    row: Any,
    from_states: Iterable[ClaimState],
    *,
    by: str,
    appeal_days: int,
    reasons: Sequence[Reason],
    **values: Any,
) -> sa.Row[Any] | None:
    """Refuse a locked claim for these reasons; its row then, None if it was in none of these states."""
    assert reasons  # nobody is refused without one
    claimed = values.get("claimed_fen", row.claimed_fen)
    return await store.change(
        tx,
        row.number,
        from_states,
        ClaimState.REFUSED,
        **values
        | {
            "reasons": [one.row() for one in reasons],
            "approved_fen": 0,
            "refused_fen": claimed,
            "decided_by": by,
            "decided_at": tx.now,
            "appeal_until": appeal_until(tx.now, appeal_days),
            "due_at": None,
            "missing": 0,
            "district_stamp": False,
        },
    )
