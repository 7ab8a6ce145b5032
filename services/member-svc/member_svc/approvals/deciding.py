"""The decision on an import: by the direct superior, four eyes, once, whole or chosen items."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from member_svc.approvals import store
from member_svc.approvals.rules import LAST_SEQUENCE, Decision, check_decider, state_after
from member_svc.imports.columns import BY_FIELD, Field
from member_svc.imports.matching import ItemKind
from member_svc.imports.models import ImportState, ItemState
from member_svc.members.events import publish_members
from member_svc.members.sealing import Sealing
from unioncard.auth import Scope
from unioncard.crypto import TransportSealer
from unioncard.documents import mask_document
from unioncard.principal import Principal
from unioncard.problems import Problem, RowError, conflict, invalid, not_found
from unioncard.unit_of_work import Transaction

_OUTCOME = {Decision.APPROVE: ItemState.APPROVED, Decision.REFUSE: ItemState.REFUSED}

# Field, reason and remedy of what has become impossible since it was asked.
_OBSTACLES = {
    "gone": (Field.NUMBER, "该会员已不存在", "请不予通过该行"),
    "moved": (Field.NUMBER, "该会员的所属工会或状态已变化", "请不予通过该行，由基层工会重新提交"),
    "carded": (Field.DOCUMENT_NUMBER, "该会员已办卡或正在办卡，证件号码不能修改", "请不予通过该行"),
    "taken": (Field.DOCUMENT_NUMBER, "新的证件号码已登记在另一会员名下", "请不予通过该行，由基层工会核对"),
}


@dataclass(frozen=True, slots=True)
class Decided:
    """How an import stands after a decision."""

    state: ImportState
    waiting: int
    approved: int
    refused: int


async def decide(
    tx: Transaction,
    principal: Principal,
    scope: Scope,
    import_id: int,
    decision: Decision,
    lines: Sequence[int] | None,
    reason: str | None,
    sealing: Sealing,
    sealer: TransportSealer,
) -> Decided:
    """Approve or refuse; saying the same again changes nothing and gives the same answer.

    Raises problems: 404 outside the caller's tree, 403 for anybody but the direct superior, 409 when someone else was
    first or an item can no longer be approved.
    """
    found = await store.lock(tx.conn, import_id)
    if found is None or not scope.holds(found["path"]) or found["state"] == ImportState.REFUSED_BY_CHECK:
        raise not_found("该导入申请")
    check_decider(principal, found["superior_id"], found["asked_by"])
    items = await store.items(tx.conn, import_id, lines)
    if lines is not None and len(items) < len(set(lines)):
        raise invalid("unknown-items", "所选的行不在该导入中", "请从导入明细中选择行号。")
    waiting = [item["line"] for item in items if item["state"] == ItemState.WAITING]
    if len(waiting) < len(items) and (lines is not None or not waiting):
        _check_repeat(principal, decision, items if lines is not None else _last_decided(items))
        return await _standing(tx, import_id)
    if decision is Decision.APPROVE:
        new = sum(item["kind"] == ItemKind.NEW for item in items if item["state"] == ItemState.WAITING)
        await _approve(tx, found, waiting, new, sealing, sealer)
    else:
        await store.drop_pending(tx.conn, import_id, waiting)
    outcome = _OUTCOME[decision]
    await store.decide_items(
        tx.conn, import_id, waiting, state=outcome, account=principal.account_id, now=tx.now, reason=reason
    )
    standing = await _standing(tx, import_id)
    await store.decide_import(
        tx.conn,
        import_id,
        state=standing.state,
        approved=standing.approved,
        refused=standing.refused,
        account=principal.account_id,
        now=tx.now,
        reason=reason,
    )
    tx.audit(
        f"import.{decision}",
        f"import:{import_id}",
        organisation_id=found["union_id"],
        before={"waiting": standing.waiting + len(waiting)},
        after={"decided": len(waiting), "waiting": standing.waiting, "state": standing.state, "reason": reason},
    )
    return standing


def _last_decided(items: Sequence[sa.RowMapping]) -> Sequence[sa.RowMapping]:
    """What the latest decision was about: a repeat of "all" means what was left at that time."""
    latest = max(item["decided_at"] for item in items)
    return [item for item in items if item["decided_at"] == latest]


def _check_repeat(principal: Principal, decision: Decision, items: Sequence[sa.RowMapping]) -> None:
    """Some of it is decided: fine if it is all this very decision by this account, else somebody was first."""
    if any(item["state"] != _OUTCOME[decision] or item["decided_by"] != principal.account_id for item in items):
        raise conflict(
            "already-decided",
            "该申请已经审核过",
            "所选内容已由他人或以其他结果审核，请刷新后查看。",
            lines=[item["line"] for item in items if item["state"] != ItemState.WAITING],
        )


async def _standing(tx: Transaction, import_id: int) -> Decided:
    waiting, approved, refused = await store.counts(tx.conn, import_id)
    return Decided(state_after(waiting, approved, refused), waiting, approved, refused)


async def _approve(
    tx: Transaction, found: sa.RowMapping, lines: Sequence[int], new: int, sealing: Sealing, sealer: TransportSealer
) -> None:
    import_id, union_id = found["id"], found["union_id"]
    obstacles = await store.obstacles(tx.conn, import_id, union_id, lines)
    if obstacles:
        raise Problem(
            409,
            "no-longer-possible",
            f"有 {len(obstacles)} 行已不能通过，本次没有审核任何一行",
            "请先对这些行作“不通过”处理，再审核其余各行。",
            rows=await asyncio.to_thread(_rows, obstacles, sealing),
        )
    before = await store.draw_numbers(tx.conn, found["district_code"], new)
    if before + new > LAST_SEQUENCE:
        raise conflict("numbers-exhausted", "该区局的会员编号已用完", "请联系市总工会。")
    approved = await store.approve_new(tx.conn, import_id, lines, found["district_code"], before)
    changed = await store.approve_changes(tx.conn, import_id, lines, union_id)
    await publish_members(tx, [*approved, *changed], union_id, sealing, sealer)


def _rows(obstacles: Sequence[sa.RowMapping], sealing: Sealing) -> list[RowError]:
    rows: list[RowError] = []
    for one in obstacles:
        plain = sealing.open(one["member_id"], one)
        at, reason, remedy = _OBSTACLES[one["obstacle"]]
        rows.append(
            RowError(
                line=one["line"],
                name=plain["name"],
                number=mask_document(plain["document_number"]),
                field=BY_FIELD[at].header,
                reason=reason,
                remedy=remedy,
            )
        )
    return rows
