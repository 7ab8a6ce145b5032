"""Claims that need no person: approved in the very transaction that completes them."""

from typing import Any

import sqlalchemy as sa

from claims_svc.claims import decision, store
from claims_svc.claims.rules import BEFORE_REVIEW, PayeeKind, decided_by_rule
from claims_svc.settings import ClaimsSettings
from claims_svc.signs import store as signs
from unioncard.contracts.cover import Benefit
from unioncard.unit_of_work import Transaction


async def decide(tx: Transaction, settings: ClaimsSettings, row: Any, **values: Any) -> sa.Row[Any] | None:
    """Approve a complete, locked claim by the rules alone, if the centre allows it; its row then, else None.

    ``values`` are further columns that the claim gets together with the decision. A claim with any sign goes to a
    person, and so does one that did not stand when it was filed: another union had claimed the same event.
    """
    limit = settings.decide_by_rule_up_to_fen
    if limit == 0 or not row.standing:
        return None
    payable = sum(part.payable_fen for part in await store.parts(tx.conn, row.number))
    listed = values.get("listed", row.listed)
    if not decided_by_rule(payable, limit, PayeeKind(row.payee), Benefit(row.benefit), listed):
        return None
    if await signs.any_sign(tx.conn, row.number):
        return None
    return await decision.approve(
        tx, row, BEFORE_REVIEW, by=decision.BY_RULE, appeal_days=settings.appeal_days, **values
    )
