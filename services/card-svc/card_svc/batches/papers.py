"""What a union prints and brings to collect its cards (domain 4.6) over HTTP."""

import asyncio
from datetime import date
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from card_svc.batches import register, store
from card_svc.batches.api import Number, Operator, Viewer
from card_svc.batches.rules import Paper, papers
from card_svc.service import CardService, TheService, scope
from unioncard.auth import Principal
from unioncard.contracts.cards import Channel
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.problems import not_found
from unioncard.web.app import problem_responses

router = APIRouter(prefix="/batches", tags=["办卡批次管理"])
PDF = "application/pdf"


class Papers(BaseModel):
    """The list of what to bring."""

    number: str
    channel: Channel
    on: date = Field(description="按此日的规定")
    papers: list[Paper]


@router.get("/{number}/papers", responses=problem_responses(401, 403, 404))
async def list_papers(number: Number, principal: Viewer, service: TheService) -> Papers:
    """领卡（特殊通道为办卡）须携带的材料。"""
    async with reading(service.context.engine) as conn:
        row = await store.find(conn, await scope(conn, principal), number)
    if row is None:
        raise not_found("这个办卡批次")
    today = shanghai_date(service.context.clock.now())
    channel = Channel(row.channel)
    return Papers(
        number=number,
        channel=channel,
        on=today,
        papers=papers(channel, row.members, today, service.settings.identity_copies_end_on),
    )


@router.get(
    "/{number}/register.pdf",
    response_class=Response,
    responses={200: {"content": {PDF: {}}}, **problem_responses(401, 403, 404, 409)},
)
async def print_register(number: Number, principal: Operator, service: TheService) -> Response:
    """打印清册《上海工会会员服务卡批量开户汇总表》；银行反馈之前即可打印。"""
    async with reading(service.context.engine) as conn:
        row = await store.find(conn, await scope(conn, principal), number)
        if row is None:
            raise not_found("这个办卡批次")
        members = await store.members_page(conn, number, None, 0, row.members)
    content = await asyncio.to_thread(register.render, service.personal, service.settings.font_paths, row, members)
    await _note_print(service, principal, row)
    headers = {"Content-Disposition": f'inline; filename="{number}.pdf"', "Cache-Control": "no-store"}
    return Response(content, media_type=PDF, headers=headers)


async def _note_print(service: CardService, principal: Principal, row: Any) -> None:
    """Every print is in the audit, since it shows numbers in full; the first is kept with the batch."""
    async with service.context.work.begin(principal.actor) as tx:
        first = await store.set_printed(tx.conn, row.number, tx.now)
        tx.audit("batch.register-printed", f"batch:{row.number}", organisation_id=row.union_id, after={"first": first})
