"""What waits for me, and deciding on it (会员审核)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.exc import IntegrityError

from member_svc.approvals.deciding import decide
from member_svc.approvals.rules import Decision
from member_svc.imports import store as imports
from member_svc.imports.models import ImportState, ImportView, import_view
from member_svc.imports.tables import IMPORTS
from member_svc.members.sealing import Sealing
from member_svc.organisations.tables import ORGANISATIONS
from unioncard.auth import Allow, scope_of
from unioncard.database import reading
from unioncard.principal import Principal, Role
from unioncard.problems import conflict
from unioncard.service import Context
from unioncard.web.app import problem_responses
from unioncard.web.fields import PathId, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(tags=["审核"], responses=problem_responses(401, 403, 404))

DECIDERS = (Role.SECOND_LEVEL, Role.DISTRICT, Role.FEDERATION)
_NEWEST = 2**63 - 1


class Approval(BaseModel):
    """A decision on an import."""

    decision: Decision
    items: list[Annotated[int, Field(ge=1, le=2**31 - 1)]] | None = Field(
        None, min_length=1, max_length=1000, description="只审核这些行（行号）；不填则审核所有待审核的行"
    )
    reason: Text | None = Field(None, description="审核说明")


class ApprovalAnswer(BaseModel):
    """How the import stands."""

    import_id: int
    state: ImportState
    waiting_rows: int
    approved_rows: int
    refused_rows: int


@router.get("/approvals", summary="待我审核的申请")
async def list_approvals(
    request: Request, principal: Annotated[Principal, Depends(Allow(*DECIDERS))], paging: Paging
) -> Page[ImportView]:
    """Imports of unions directly below the caller's organisation that wait, the newest first (G19 15)."""
    context: Context = request.app.state.context
    key = paging.key(int)
    where = [ORGANISATIONS.c.parent_id == principal.organisation_id, IMPORTS.c.state == ImportState.WAITING]
    async with reading(context.engine) as conn:
        rows = await imports.page(conn, where, key[0] if key else _NEWEST, paging.limit + 1)
        total = await imports.count(conn, where) if key is None else None
    return Page(
        items=[import_view(row) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row["id"]]),
        total=total,
    )


@router.post("/imports/{import_id}/approval", summary="审核导入申请", responses=problem_responses(409))
async def decide_import(
    request: Request,
    principal: Annotated[Principal, Depends(Allow(*DECIDERS))],
    import_id: PathId,
    approval: Approval,
) -> ApprovalAnswer:
    """Approve or refuse, all that waits or chosen rows. Saying it again changes nothing and answers the same."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    try:
        async with context.work.begin(principal.actor) as tx:
            scope = await scope_of(tx.conn, ORGANISATIONS, principal)
            decided = await decide(
                tx,
                principal,
                scope,
                import_id,
                approval.decision,
                approval.items,
                approval.reason,
                sealing,
                request.app.state.sealer,
            )
    except IntegrityError:
        # Another transaction took one of the document numbers between our look and now.
        detail = "本次没有审核任何一行，请重新提交，系统会指出是哪些行。"
        raise conflict("approval-overtaken", "其中的会员刚刚被其他操作占用", detail) from None
    return ApprovalAnswer(
        import_id=import_id,
        state=decided.state,
        waiting_rows=decided.waiting,
        approved_rows=decided.approved,
        refused_rows=decided.refused,
    )
