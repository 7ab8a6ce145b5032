"""Many claims take the same step at once: payouts move a thousand with two statements."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from claims_svc.claims import events
from claims_svc.claims.rules import FALLEN, STEPS
from claims_svc.claims.tables import CLAIMS
from unioncard.contracts.claims import ClaimState
from unioncard.unit_of_work import Transaction

_LOCK = sa.text("SELECT FROM claims WHERE number = ANY(CAST(:numbers AS text[])) ORDER BY number FOR UPDATE")


async def lock(tx: Transaction, numbers: Sequence[str]) -> None:
    """Lock these claims in the order of their numbers."""
    await tx.conn.execute(_LOCK, {"numbers": list(numbers)})


async def change_all(
    tx: Transaction, numbers: Sequence[str], from_states: Iterable[ClaimState], to: ClaimState
) -> Sequence[sa.Row[Any]]:
    """Move those of these claims on that are in one of these states; their rows then.

    As :func:`claims_svc.claims.store.change`, for steps that leave the claim standing.
    """
    states = [state for state in from_states if to in STEPS[state]]
    assert states, f"no step to {to}"
    assert to not in FALLEN  # the claim stands
    if not numbers:
        return []
    columns = CLAIMS.c
    await lock(tx, numbers)
    statement = (
        CLAIMS.update()
        .where(columns.number == sa.any_(sa.bindparam("numbers", type_=sa.ARRAY(sa.Text))), columns.state.in_(states))
        .values(state=to, version=columns.version + 1, changed_at=tx.now)
        .returning(CLAIMS)
    )
    rows: Sequence[sa.Row[Any]] = (await tx.conn.execute(statement, {"numbers": list(numbers)})).all()
    for row in rows:
        events.changed(tx, row)
        tx.audit(f"claim.{row.state}", f"claim:{row.number}", organisation_id=row.union_id)
    return rows
