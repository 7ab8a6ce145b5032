"""Proposing and deciding changes of the rules."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from insurance_svc.batches.store import move_due
from insurance_svc.campaigns import store as campaigns
from insurance_svc.campaigns.events import tell_calendar
from insurance_svc.seasons import store
from insurance_svc.seasons.changes import (
    TARGETS,
    CalendarChange,
    CentralEnterpriseChange,
    Circumstances,
    ParticipationChange,
    RateChange,
    RuleChange,
    check,
)
from insurance_svc.splits import store as splits
from unioncard.auth import Principal
from unioncard.contracts.insurance import Phase
from unioncard.dates import shanghai_date
from unioncard.notices import NewNotice, tell
from unioncard.problems import Problem, conflict, not_found
from unioncard.unit_of_work import Transaction

_READ: TypeAdapter[RuleChange] = TypeAdapter(RuleChange)


async def propose(tx: Transaction, principal: Principal, change: RuleChange, reason: str) -> sa.Row[Any]:
    """Keep a change for a second account to decide on; raises what would be raised when it is approved."""
    if isinstance(change, CalendarChange) and change.district_id is not None:
        await _must_be_district(tx, change.district_id)
    now = await _circumstances(tx, change)
    check(change, now)
    before = _facts(change, now.before)
    row = await store.add_change(tx, change.kind, change.model_dump(mode="json"), before, reason, principal.account_id)
    tx.audit(
        "rule-change.proposed",
        f"rule-change:{row.id}",
        organisation_id=principal.organisation_id,
        before=before,
        after=change.model_dump(mode="json"),
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
        raise not_found("这项规则变更")
    if row.proposed_by == principal.account_id:
        raise Problem(403, "four-eyes", "不能审核自己提出的变更", "提出与审核须由不同的账号办理，请由其他同事审核。")
    outcome = "approved" if approve else "refused"
    if row.state != "waiting":
        if (row.state, row.decided_by) == (outcome, principal.account_id):
            return row
        raise conflict("already-decided", "该变更已经审核过", "请刷新后查看审核结果。")
    change = _READ.validate_python(row.wanted)
    if approve:
        await _apply(tx, row, change)
    decided = await store.decide_change(tx, change_id, outcome, principal.account_id, reason)
    tx.audit(
        f"rule-change.{outcome}",
        f"rule-change:{change_id}",
        organisation_id=principal.organisation_id,
        before=row.before,
        after={"change": row.wanted, "reason": reason},
    )
    return decided


async def _apply(tx: Transaction, row: Any, change: RuleChange) -> None:
    # Lists that are being written finish first and are seen; those after us are priced and judged anew.
    await store.hold_alone(tx.conn, change.coverage_year)
    now = await _circumstances(tx, change)
    if _facts(change, now.before) != row.before:
        raise conflict("change-outdated", "提出之后规则又有变动，不能通过", "请不予通过，并按现行规则重新提出变更。")
    check(change, now)
    if isinstance(change, ParticipationChange):
        await campaigns.set_participation(tx.conn, change.row())
        return
    target = TARGETS[change.kind]
    await store.put_row(tx.conn, target.table, target.key, change.row() | {"source": f"decision: rule change {row.id}"})
    if isinstance(change, RateChange):
        await _drop_unfit_splits(tx, change, row.id)
    if isinstance(change, CalendarChange):
        await _tell(tx, change)


async def _tell(tx: Transaction, change: CalendarChange) -> None:
    district_id = change.district_id or 0
    if Phase.UNION_WINDOW.value == change.phase:
        await campaigns.plan(tx.conn)
    if Phase.PAYMENT.value == change.phase and change.last_day is not None:
        await move_due(tx, change.scheme, change.coverage_year, district_id, change.last_day)
    await tell_calendar(tx, change.scheme, change.coverage_year, district_id)


async def _drop_unfit_splits(tx: Transaction, change: RateChange, change_id: int) -> None:
    """Shares that no longer add up to the new price cannot stand; their districts are told to set them anew."""
    dropped = await splits.drop_unfit(tx.conn, change.row())
    if not dropped:
        return
    title = f"{change.coverage_year}年度 {change.class_code} 档费率已调整，请重新设置缴费比例"
    text = f"{title}。原设置与新费率不符，已停用；未重新设置前，所属工会不能选择该档次。"
    told = [NewNotice(one, "split_dropped", f"rule-change:{change_id}", title, text) for one in dropped]
    await tell(tx, told)
    tx.audit("splits.dropped", f"rule-change:{change_id}", after={"districts": dropped})


async def _circumstances(tx: Transaction, change: RuleChange) -> Circumstances:
    target, row = TARGETS[change.kind], change.row()
    before = await store.row_of(tx.conn, target.table, {name: row[name] for name in target.key})
    for_all = None
    if isinstance(change, CalendarChange) and change.district_id is not None:
        key = {name: row[name] for name in target.key} | {"district_id": 0}
        for_all = await store.row_of(tx.conn, target.table, key)
    scheme = getattr(change, "scheme", None)
    campaign = await campaigns.find(tx.conn, scheme, change.coverage_year) if scheme else None
    code = change.district_code if isinstance(change, CentralEnterpriseChange) else None
    return Circumstances(
        today=shanghai_date(tx.now),
        before=before,
        list_stands=await store.list_stands(tx.conn, change.coverage_year, scheme, code),
        campaign_state=campaign.state if campaign else None,
        for_all=for_all,
    )


def _facts(change: RuleChange, row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What stands now of what the change is about, as the table of changes keeps it."""
    if row is None:
        return None
    return {
        name: str(row[name]) if hasattr(row[name], "isoformat") else row[name] for name in TARGETS[change.kind].facts
    }


async def _must_be_district(tx: Transaction, district_id: int) -> None:
    if not await store.is_district(tx.conn, district_id):
        raise not_found("这个区局（产业）工会")
