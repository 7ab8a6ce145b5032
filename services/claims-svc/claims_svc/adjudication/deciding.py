"""The centre's acts on a claim: decide, confirm with a second pair of eyes, ask, answer; and the appeal (domain 6).

Each works on a locked claim, so that of two at once the second finds what the first has done.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from claims_svc.adjudication import rules, store
from claims_svc.claims import decision as deciding
from claims_svc.claims import store as claims
from claims_svc.claims.rules import STATE_LABELS, ClaimEvent, Reason
from claims_svc.personal import PersonalData
from claims_svc.settings import ClaimsSettings
from unioncard.auth import Principal
from unioncard.contracts.claims import ClaimState
from unioncard.problems import Problem, conflict, invalid
from unioncard.unit_of_work import Transaction

S = ClaimState
NOTE, QUESTION, ANSWER, APPEAL = "review_note", "medical_question", "medical_answer", "appeal_reason"
"""Encrypted fields; their subject is the claim's number."""


def four_eyes(detail: str) -> Problem:
    """403: this account had a hand in it already."""
    return Problem(403, "four-eyes", "须由另一位审核员办理", detail)


def _must_be(row: Any, state: ClaimState) -> None:
    if row.state != state:
        raise conflict(
            "claim-state",
            "该申请的状态已经变化",
            f"申请当前为“{STATE_LABELS[ClaimState(row.state)]}”，不能办理此项操作，请刷新。",
        )


async def _must_be_another(tx: Transaction, principal: Principal, row: Any) -> None:
    """Nobody reviews what he filed himself, or hears an appeal against his own decision."""
    if row.filed_by == principal.account_id:
        raise four_eyes("提出申请的账号不能审核该申请，请由其他审核员办理。")
    if row.appeals and principal.account_id in await store.decided_before(tx.conn, row):
        raise four_eyes("原决定的审核员不能审核对该决定的申诉，请由其他审核员办理。")


async def decide(
    tx: Transaction,
    settings: ClaimsSettings,
    personal: PersonalData,
    principal: Principal,
    row: Any,
    *,
    approve: bool,
    amounts: Mapping[int, int] | None,
    codes: Sequence[str],
    note: str | None,
) -> None:
    """Decide on a locked claim; it takes effect at once, or waits for the second pair of eyes.

    Raises 409 unless the claim is under review, 403 ``four-eyes``, 422 for amounts that the rules do not allow or for
    a refusal without a reason.
    """
    _must_be(row, S.ADJUDICATING)
    await _must_be_another(tx, principal, row)
    parts = [_asked(one) for one in await claims.parts(tx.conn, row.number)]
    wanted = _amounts(parts, row, amounts) if approve else {}
    approved = sum(wanted.values())
    known = rules.reasons(row.coverage_year)
    reasons = [known[code] for code in codes]
    kept = sum(part.approved_fen for part in parts)
    if not reasons and (not approve or approved < max(kept, sum(part.payable_fen for part in parts))):
        raise invalid("reason-missing", "请选择不予给付或少给付的理由", "至少选择一项理由，其依据会告知申请人。")
    second = rules.needs_second(row.claimed_fen, settings.four_eyes_above_fen, parts, wanted)
    made = await store.add_decision(
        tx,
        row,
        principal.account_id,
        approve=approve,
        amounts={str(policy): fen for policy, fen in wanted.items()},
        approved_fen=approved,
        reasons=[one.row() for one in reasons],
        note=personal.encrypt(NOTE, row.number, note) if note else None,
        state="waiting" if second else "final",
    )
    if second:
        await claims.change(tx, row.number, [S.ADJUDICATING], S.CONFIRMING)
    else:
        await _take_effect(tx, settings, row, wanted, reasons, by=principal.actor)
    tx.audit(
        "claim.decision",
        f"claim:{row.number}",
        organisation_id=row.union_id,
        after={"decision": made, "approved_fen": approved, "reasons": list(codes), "second_eyes": second},
    )


async def confirm(
    tx: Transaction,
    settings: ClaimsSettings,
    personal: PersonalData,
    principal: Principal,
    row: Any,
    *,
    confirmed: bool,
    note: str | None,
) -> None:
    """Confirm what another reviewer decided, so that it takes effect, or give it back for another decision."""
    _must_be(row, S.CONFIRMING)
    await _must_be_another(tx, principal, row)
    waiting = await store.waiting_decision(tx.conn, row.number)
    assert waiting is not None  # made with the step to this state
    if waiting.proposed_by == principal.account_id:
        raise four_eyes("作出决定的审核员不能复核自己的决定，请由其他审核员复核。")
    if not confirmed and not note:
        raise invalid("note-missing", "请填写不同意的意见", "意见供重新审核时参考。")
    sealed = personal.encrypt(NOTE, row.number, note) if note else None
    await store.close_decision(tx, waiting.id, final=confirmed, by=principal.account_id, note=sealed)
    if confirmed:
        amounts = {int(policy): fen for policy, fen in waiting.amounts.items()}
        await _take_effect(tx, settings, row, amounts, _reasons(waiting.reasons), by=principal.actor)
    else:
        await claims.change(tx, row.number, [S.CONFIRMING], S.ADJUDICATING)
    tx.audit(
        "claim.confirmation",
        f"claim:{row.number}",
        organisation_id=row.union_id,
        after={"decision": waiting.id, "confirmed": confirmed},
    )


async def ask(tx: Transaction, personal: PersonalData, principal: Principal, row: Any, question: str) -> None:
    """Ask another reviewer about what is medical; the claim waits for the answer."""
    _must_be(row, S.ADJUDICATING)
    await _must_be_another(tx, principal, row)
    await store.ask(tx, row.number, personal.encrypt(QUESTION, row.number, question), principal.account_id)
    await claims.change(tx, row.number, [S.ADJUDICATING], S.MEDICAL_REVIEW)


async def answer(tx: Transaction, personal: PersonalData, principal: Principal, row: Any, text: str) -> None:
    """Answer the question of another reviewer."""
    _must_be(row, S.MEDICAL_REVIEW)
    asked = await store.open_question(tx.conn, row.number)
    assert asked is not None  # asked with the step to this state
    if principal.account_id in (asked.asked_by, row.filed_by):
        raise four_eyes("提出问题的审核员不能自己答复，请由其他审核员答复。")
    await store.answer(tx, asked.id, personal.encrypt(ANSWER, row.number, text), principal.account_id)
    await claims.change(tx, row.number, [S.MEDICAL_REVIEW], S.ADJUDICATING)


async def appeal(tx: Transaction, personal: PersonalData, principal: Principal, row: Any, reason: str) -> None:
    """Appeal against a refusal, or against what was paid less; the claim is reviewed anew by somebody else.

    The receipt of the request judges whether it is in time. Raises 409 where nothing was refused, where the last day
    is over, or where another claim has taken the event since (``same-event``).
    """
    if row.state not in (S.REFUSED, S.PAID, S.CLOSED):
        raise conflict(
            "claim-state",
            "该申请目前不能申诉",
            f"申请当前为“{STATE_LABELS[ClaimState(row.state)]}”；对不予给付或少给付的决定，可在划款完成后申诉。",
        )
    if row.state == S.CLOSED or row.appeal_until is None or tx.now >= row.appeal_until:
        raise conflict("appeal-late", "申诉期限已过", "该申请已办结，不能再申诉。")
    if row.state == S.PAID and row.refused_fen == 0:
        raise conflict("nothing-refused", "该申请已全额给付", "没有可以申诉的内容。")
    sealed = personal.encrypt(APPEAL, row.number, reason)
    await store.add_appeal(tx, row, sealed, principal.account_id, principal.role)
    await claims.change(
        tx,
        row.number,
        [ClaimState(row.state)],
        S.ADJUDICATING,
        appeals=row.appeals + 1,
        refused_fen=0,
        decided_by=None,
        decided_at=None,
        appeal_until=None,
    )


def _asked(part: Any) -> rules.Asked:
    return rules.Asked(part.policy_id, part.nights, part.claimed_fen, part.payable_fen, part.approved_fen)


def _reasons(rows: Sequence[Mapping[str, str]]) -> list[Reason]:
    return [Reason(**one) for one in rows]


def _amounts(parts: Sequence[rules.Asked], row: Any, given: Mapping[int, int] | None) -> dict[int, int]:
    """What is approved of each part, or 422."""
    event, appeal_ = ClaimEvent(row.event), row.appeals > 0
    wanted = rules.amounts_of(parts, event, given, appeal=appeal_)
    if wanted is None:
        allowed = "；".join(
            f"保单 {part.policy_id}：{one.least} 至 {one.most} 分，须为 {one.step} 分的整数倍"
            for part in parts
            for one in (rules.bounds(part, event, appeal=appeal_),)
        )
        raise invalid("amounts-not-allowed", "给付金额不符合规则", f"请逐份保单填写金额。{allowed}。")
    if not sum(wanted.values()):
        raise invalid("nothing-payable", "没有可以给付的金额", "按规则没有可给付的金额；请作出不予给付的决定。")
    return wanted


async def _take_effect(
    tx: Transaction,
    settings: ClaimsSettings,
    row: Any,
    amounts: Mapping[int, int],
    reasons: Sequence[Reason],
    *,
    by: str,
) -> None:
    """A decision takes effect. What an earlier one approved stays approved, whatever is decided on an appeal."""
    kept = {part.policy_id: part.approved_fen for part in await claims.parts(tx.conn, row.number)}
    amounts = dict(amounts) or kept
    # What is granted in full was refused for no reason after all.
    granted = 0 < sum(amounts.values()) == row.claimed_fen
    told = [] if granted else list({one.code: one for one in (*_reasons(row.reasons), *reasons)}.values())
    from_states, days = [ClaimState(row.state)], settings.appeal_days
    moved: sa.Row[Any] | None
    if not any(amounts.values()):
        moved = await deciding.refuse(tx, row, from_states, by=by, appeal_days=days, reasons=told)
    elif amounts != kept or await store.owed(tx.conn, row.number):
        moved = await deciding.approve(tx, row, from_states, by=by, appeal_days=days, amounts=amounts, reasons=told)
    else:
        moved = await _uphold(tx, settings, row, told, by=by)
    assert moved is not None  # locked


async def _uphold(
    tx: Transaction, settings: ClaimsSettings, row: Any, reasons: Sequence[Reason], *, by: str
) -> sa.Row[Any] | None:
    """What was paid in part stays as it is: there is nothing to pay, and what is left stays refused."""
    return await claims.change(
        tx,
        row.number,
        [ClaimState(row.state)],
        S.PAID,
        refused_fen=row.claimed_fen - row.approved_fen,
        decided_by=by,
        decided_at=tx.now,
        appeal_until=deciding.appeal_until(tx.now, settings.appeal_days),
        reasons=[one.row() for one in reasons],
    )
