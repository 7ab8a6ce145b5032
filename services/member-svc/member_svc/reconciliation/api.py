"""What ``unioncard audit`` asks: counts and checksums by which services are compared without moving the data."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from member_svc.reconciliation import store
from unioncard.auth import Allow
from unioncard.database import reading
from unioncard.principal import Principal, Role
from unioncard.reconciliation import CrossingCounts, Tally, crossings, tallies
from unioncard.service import Context
from unioncard.web.app import problem_responses
from unioncard.web.pages import Page, Paging

router = APIRouter(prefix="/reconciliation", tags=["核对"], responses=problem_responses(401, 403))

Federation = Annotated[Principal, Depends(Allow(Role.FEDERATION))]


class Summary(CrossingCounts):
    """The service at one moment."""

    counts: dict[str, dict[str, int]] = Field(description="rows by noun and state")
    members_total: int
    members_without_union: int


@router.get("/summary", summary="概况")
async def summary(request: Request, _: Federation) -> Summary:
    """Counts by state, and what waits at the crossings."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        return Summary(
            counts=await store.counts(conn),
            members_without_union=await store.without_union(conn),
            members_total=await store.total(conn),
            **(await crossings(conn)).model_dump(),
        )


@router.get("/members", summary="会员核对（按工会）")
async def members(request: Request, _: Federation, paging: Paging) -> Page[Tally]:
    """Approved members by union: the source that card-svc's read model must equal."""
    return await tallies(request.app.state.context.engine, store.NOUNS["members"], paging)


@router.get("/cards", summary="办卡状态核对（按工会）")
async def cards(request: Request, _: Federation, paging: Paging) -> Page[Tally]:
    """Card states as this service knows them, by the member's union: must equal card-svc's."""
    return await tallies(request.app.state.context.engine, store.NOUNS["cards"], paging)


@router.get("/organisations", summary="组织核对")
async def organisations(request: Request, _: Federation, paging: Paging) -> Page[Tally]:
    """The tree, a row an organisation."""
    return await tallies(request.app.state.context.engine, store.NOUNS["organisations"], paging)
