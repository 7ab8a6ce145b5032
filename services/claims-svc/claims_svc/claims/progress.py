"""A claim moves on by what has been brought: papers, stamps, cover. One way for all who bring something."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from claims_svc.adjudication import by_rule
from claims_svc.claims import store
from claims_svc.claims.rules import BEFORE_REVIEW, waiting_state
from claims_svc.papers import store as papers
from claims_svc.settings import ClaimsSettings
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import CoverState
from unioncard.dates import day_end_exclusive, shanghai_date
from unioncard.problems import conflict
from unioncard.unit_of_work import Transaction

_ASKED_FOR = frozenset({ClaimState.INCOMPLETE, ClaimState.STAMPING})
_WORTH_TELLING = frozenset({"due_at", "district_stamp"})


def must_be_open(tx: Transaction, row: Any) -> None:
    """409 if papers, stamps and payee of a locked claim cannot change any more; the last day is judged here."""
    if row.state not in BEFORE_REVIEW:
        raise conflict(
            "claim-state", "该申请已进入审核或已办结，不能再变更材料、盖章和收款方式", "请查看申请的办理状态。"
        )
    if row.due_at is not None and tx.now >= row.due_at:
        raise conflict("papers-late", "补交材料和盖章的期限已过", "该申请将按逾期办结；仍在给付时效内的，请重新申请。")


async def move_on(
    tx: Transaction, settings: ClaimsSettings, row: Any, brought: papers.Brought, **values: Any
) -> sa.Row[Any]:
    """Move a locked claim that is before its review to where it now stands; ``values`` are further columns it gets.

    Papers first, then stamps, then cover; a complete one goes to the centre, or is decided by the rules at once.
    """
    needs = papers.needs_of(row, brought)
    found = {"missing": needs.missing, "district_stamp": needs.district_stamp, **values}
    cover = found.get("cover_state", row.cover_state)
    if cover is None:
        # Not assessed yet: it waits for its cover, whatever was brought meanwhile.
        return await _noted(tx, row, found)
    to = waiting_state(needs.missing, len(needs.stamps), CoverState(cover))
    if to in _ASKED_FOR:
        last_day = shanghai_date(tx.now) + timedelta(days=settings.papers_days)
        found["due_at"] = row.due_at or day_end_exclusive(last_day)
    else:
        found["due_at"] = None
    if to is ClaimState.ADJUDICATING:
        decided = await by_rule.decide(tx, settings, row, **found)
        if decided is not None:
            return decided
    if to == row.state:
        return await _noted(tx, row, found)
    moved = await store.change(tx, row.number, [ClaimState(row.state)], to, retake=not row.standing, **found)
    assert moved is not None  # locked
    return moved


async def _noted(tx: Transaction, row: Any, found: dict[str, Any]) -> sa.Row[Any]:
    """Nothing is told where nothing changed that the claim's workflow acts on: papers come one by one."""
    changed = {name for name, value in found.items() if getattr(row, name) != value}
    if not changed:
        same: sa.Row[Any] = row
        return same
    told = not changed.isdisjoint(_WORTH_TELLING)
    return await store.note(tx, row.number, action="claim.needs", told=told, **found)
