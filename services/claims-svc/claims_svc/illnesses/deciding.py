"""Proposing and deciding changes of the catalogue (four eyes)."""

from typing import Any

import sqlalchemy as sa

from claims_svc.illnesses import store
from unioncard.auth import Principal
from unioncard.problems import Problem, conflict, invalid, not_found
from unioncard.unit_of_work import Transaction

_FACTS = ("name", "listed")


async def propose(tx: Transaction, principal: Principal, wanted: dict[str, Any], reason: str) -> sa.Row[Any]:
    """Keep a change for a second account to decide on; 422 ``nothing-changes`` if it stands like that already."""
    before = await _before(tx, wanted)
    if before == {name: wanted[name] for name in _FACTS}:
        raise invalid("nothing-changes", "内容与现行目录相同", "无需变更。")
    row = await store.add_change(tx, {**wanted, "before": before, "reason": reason}, principal.account_id)
    tx.audit(
        "illness-change.proposed",
        f"illness-change:{row.id}",
        organisation_id=principal.organisation_id,
        before=before,
        after=wanted,
    )
    return row


async def decide(
    tx: Transaction, principal: Principal, change_id: int, *, approve: bool, reason: str | None
) -> sa.Row[Any]:
    """Approve and apply, or refuse. Saying the same again changes nothing; of two at once one decides.

    Raises 403 ``four-eyes`` for the proposer, 409 ``already-decided`` for whoever comes second, 409
    ``change-outdated`` when what was to be changed has changed since.
    """
    row = await store.lock_change(tx.conn, change_id)
    if row is None:
        raise not_found("这项目录变更")
    if row.proposed_by == principal.account_id:
        raise Problem(403, "four-eyes", "不能审核自己提出的变更", "提出与审核须由不同的账号办理，请由其他同事审核。")
    outcome = "approved" if approve else "refused"
    if row.state != "waiting":
        if (row.state, row.decided_by) == (outcome, principal.account_id):
            return row
        raise conflict("already-decided", "该变更已经审核过", "请刷新后查看审核结果。")
    wanted = {name: row._mapping[name] for name in ("coverage_year", "class_code", "code", *_FACTS)}
    if approve:
        await store.hold_alone(tx.conn)
        if await _before(tx, wanted) != row.before:
            raise conflict(
                "change-outdated", "提出之后目录又有变动，不能通过", "请不予通过，并按现行目录重新提出变更。"
            )
        await store.put(tx, {**wanted, "source": f"decision: illness change {row.id}"})
    decided = await store.decide_change(tx, change_id, outcome, principal.account_id, reason)
    tx.audit(
        f"illness-change.{outcome}",
        f"illness-change:{change_id}",
        organisation_id=principal.organisation_id,
        before=row.before,
        after={"change": wanted, "reason": reason},
    )
    return decided


async def _before(tx: Transaction, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """What stands now of what a change is about."""
    found = await store.find(tx.conn, wanted["coverage_year"], wanted["class_code"], wanted["code"])
    return None if found is None else {name: found._mapping[name] for name in _FACTS}
