"""What ``unioncard audit`` asks: counts and checksums by which services are compared without moving the data."""

from collections.abc import Sequence
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from member_svc.reconciliation import store
from unioncard.auth import Allow
from unioncard.database import reading
from unioncard.principal import Principal, Role
from unioncard.service import Context
from unioncard.web.app import problem_responses
from unioncard.web.pages import Page, PageRequest, Paging, cursor_after

router = APIRouter(prefix="/reconciliation", tags=["核对"], responses=problem_responses(401, 403))

Federation = Annotated[Principal, Depends(Allow(Role.FEDERATION))]


class Summary(BaseModel):
    """The service at one moment."""

    counts: dict[str, dict[str, int]] = Field(description="rows by noun and state")
    members_without_union: int
    outbox_waiting: int
    outbox_refused: int
    inbox_running: int
    partner_calls_waiting: int


class Checksum(BaseModel):
    """``checksum = sum(hashtextextended(id || ':' || version, 0))`` as text: equal sets have equal sums."""

    count: int
    versions: int = Field(description="sum of versions")
    checksum: str


class UnionChecksum(Checksum):
    """The same for one union."""

    union_id: int


@router.get("/summary", summary="概况")
async def summary(request: Request, _: Federation) -> Summary:
    """Counts by state, and what waits at the crossings."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        return Summary(
            counts=await store.counts(conn),
            members_without_union=await store.without_union(conn),
            **await store.crossings(conn),
        )


@router.get("/members", summary="会员核对（按工会）")
async def members(request: Request, _: Federation, paging: Paging) -> Page[UnionChecksum]:
    """Approved members by union: the source that card-svc's read model must equal."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        return _page(await store.members(conn, _after(paging), paging.limit + 1), paging)


@router.get("/cards", summary="办卡状态核对（按工会）")
async def cards(request: Request, _: Federation, paging: Paging) -> Page[UnionChecksum]:
    """Card states as this service knows them, by the member's union: must equal card-svc's."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        return _page(await store.cards(conn, _after(paging), paging.limit + 1), paging)


@router.get("/organisations", summary="组织核对")
async def organisations(request: Request, _: Federation) -> Checksum:
    """The whole tree."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        return Checksum.model_validate(dict(await store.organisations(conn)))


def _after(paging: PageRequest) -> int:
    key = paging.key(int)
    return key[0] if key else 0


def _page(rows: Sequence[sa.RowMapping], paging: PageRequest) -> Page[UnionChecksum]:
    return Page(
        items=[UnionChecksum.model_validate(dict(row)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row["union_id"]]),
    )
