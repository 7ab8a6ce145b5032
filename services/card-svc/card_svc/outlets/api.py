"""The directory of outlets over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from card_svc.outlets import store
from card_svc.service import VIEWERS, TheService
from unioncard.auth import Allow, Principal
from unioncard.database import reading
from unioncard.web.app import problem_responses
from unioncard.web.fields import Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/outlets", tags=["经办网点"])


class Outlet(BaseModel):
    """One outlet of a branch."""

    code: str = Field(description="网点编号，提交办卡时填写")
    branch: str = Field(description="发卡支行")
    name: str = Field(description="经办网点")
    address: str = Field(description="网点地址")
    phone: str = Field(description="联系电话")


@router.get("", responses=problem_responses(401, 403))
async def list_outlets(
    _: Annotated[Principal, Depends(Allow(*VIEWERS))],
    service: TheService,
    paging: Paging,
    branch: Annotated[Text | None, Query()] = None,
) -> Page[Outlet]:
    """可选的发卡支行与经办网点。"""
    key = paging.key(str)
    async with reading(service.context.engine) as conn:
        rows = await store.page(conn, branch, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[Outlet.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.code]),
    )
