"""Stamps on a claim's papers: whose stamp counts where (G19 Q83–Q87)."""

from typing import Any

import sqlalchemy as sa

from claims_svc.claims.progress import move_on, must_be_open
from claims_svc.papers import store
from claims_svc.papers.rules import PAPER_LABELS, PaperKind, StampLevel
from claims_svc.service import ClaimsService
from unioncard.auth import Principal, Role
from unioncard.problems import conflict, invalid
from unioncard.unit_of_work import Transaction


async def stamp(
    tx: Transaction, service: ClaimsService, principal: Principal, row: Any, paper: PaperKind
) -> tuple[sa.Row[Any], store.Brought]:
    """Put the caller's stamp on a paper of a locked claim, and move the claim on; a second time changes nothing.

    Its row then, and all that has been brought for it.

    Raises 422 ``no-stamp-needed`` for papers that carry none, 409 ``stamp-district`` for a union where the district's
    stamp is needed: the claim goes on waiting for it.
    """
    must_be_open(tx, row)
    needed = store.stamps_of(row)
    if paper not in needed:
        raise invalid("no-stamp-needed", f"{PAPER_LABELS[paper]}不需要盖章", "请核对要盖章的材料。")
    level = StampLevel.DISTRICT if principal.role is Role.DISTRICT else StampLevel.UNION
    if needed[paper] is StampLevel.DISTRICT and level is StampLevel.UNION:
        raise conflict(
            "stamp-district",
            f"{PAPER_LABELS[paper]}须由区局（产业）工会盖章",
            "外省市医院就诊的、划入单位账户或继承人账户的，以及划款申请书，均须由区局（产业）工会盖章；"
            "请联系所属区局（产业）工会在平台上盖章。",
        )
    stamped = await store.stamp(tx, principal, row.number, paper, level)
    brought = await store.brought(tx.conn, row.number)
    if not stamped:
        return row, brought
    after = {"paper": paper, "level": level}
    tx.audit("claim.stamp", f"claim:{row.number}", organisation_id=principal.organisation_id, after=after)
    return await move_on(tx, service.settings, row, brought), brought
