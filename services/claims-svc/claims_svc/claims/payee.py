"""Where a claim's money is to go, while that can still change."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims import filing, store
from claims_svc.claims.progress import move_on, must_be_open
from claims_svc.claims.rules import ClaimEvent, PayeeKind, payees_of
from claims_svc.papers import store as papers
from claims_svc.personal import PersonalData
from claims_svc.service import ClaimsService
from unioncard.auth import Principal
from unioncard.problems import invalid
from unioncard.unit_of_work import Transaction


async def set_payee(
    tx: Transaction, service: ClaimsService, principal: Principal, row: Any, wanted: filing.Payee
) -> sa.Row[Any]:
    """Change the payee of a locked claim before its review. Papers and stamps follow from it.

    A stamp speaks for the payee that its paper named: with another payee, or another heir, it must be put anew. An
    account is named by the district alone, whose stamp it is, so naming one leaves stamps as they are.

    Raises 409 once the review has begun, 422 ``payee-not-possible`` (nobody pays onto a dead member's card), 403
    ``account-by-district`` when anyone but the district names an account.
    """
    must_be_open(tx, row)
    if wanted.payee not in payees_of(ClaimEvent(row.event)):
        raise invalid(
            "payee-not-possible", "收款方式与事由不符", "会员身故的，请选择单位账户或继承人；其他情形不能选择继承人。"
        )
    if wanted.account_id is not None:
        await filing.must_name_account(tx.conn, principal, wanted.account_id, row.district_id)
    if await _names_another(tx.conn, service.personal, row, wanted):
        await _void_stamps(tx, row)
    heir = filing.sealed_heir(service.personal, row.number, wanted.heir) if wanted.heir is not None else None
    await store.put_heir(tx.conn, row.number, heir)
    changed = await store.note(
        tx, row.number, action="claim.payee", payee=PayeeKind(wanted.payee), account_id=wanted.account_id
    )
    return await move_on(tx, service.settings, changed, await papers.brought(tx.conn, row.number))


async def _names_another(conn: AsyncConnection, personal: PersonalData, row: Any, wanted: filing.Payee) -> bool:
    """Whether papers that name the payee say something else from now on."""
    if wanted.payee != row.payee:
        return True
    if wanted.heir is None:
        return False
    known = await store.heir(conn, row.number)
    return known is None or filing.opened_heir(personal, row.number, known) != wanted.heir.model_dump()


async def _void_stamps(tx: Transaction, row: Any) -> None:
    voided = await papers.void_stamps(tx.conn, row.number)
    if voided:
        after = {"stamps": voided}
        tx.audit("claim.stamps.void", f"claim:{row.number}", organisation_id=row.union_id, after=after)
