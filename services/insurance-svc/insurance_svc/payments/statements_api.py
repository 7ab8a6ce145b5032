"""Bank statements (银行对账单) and the rows that people settle, over HTTP."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Depends, File, Form, Path, Query, Response, UploadFile
from pydantic import BaseModel, Field, model_validator

from insurance_svc.batches.views import Strict
from insurance_svc.payments import sheet, statements, store
from insurance_svc.payments.rules import Line, Outcome, Settlement
from insurance_svc.personal import PersonalData
from insurance_svc.service import CENTRE_PAYER, TheService
from unioncard.auth import Allow, Principal, Role
from unioncard.database import reading
from unioncard.dates import shanghai_date
from unioncard.problems import invalid
from unioncard.web.app import problem_responses
from unioncard.web.fields import Day, LongText
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(tags=["银行对账"], responses=problem_responses(401, 403, 404))

Payer = Annotated[Principal, Depends(Allow(*CENTRE_PAYER))]
Viewer = Annotated[Principal, Depends(Allow(*CENTRE_PAYER, Role.FEDERATION))]
Reference = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,40}$", examples=["20200118-000123"])]

MAX_DAYS = 62


class Loaded(BaseModel):
    """导入结果：流水按对账结果的笔数。"""

    first_day: date
    last_day: date
    lines: int
    amount_fen: int
    outcomes: dict[Outcome, int]


class StatementDay(BaseModel):
    """已导入的一天。"""

    day: date
    lines: int
    amount_fen: int
    loaded_at: datetime


class Movement(BaseModel):
    """一笔收款流水。"""

    bank_reference: str
    day: date = Field(description="起息日")
    amount_fen: int
    counted_fen: int = Field(description="其中计入批次的金额")
    payer: str
    remark: str
    batch_number: str | None
    outcome: Outcome
    outcome_label: str
    settlement: Settlement | None
    settled_at: datetime | None
    note: str | None


class Settle(Strict):
    """How a row is settled; attaching names the batch."""

    settlement: Settlement
    batch_number: str | None = Field(None, pattern=r"^CB[0-9]{12}$", examples=["CB201912280001"])
    note: LongText

    @model_validator(mode="after")
    def _batch_where_needed(self) -> Self:
        if (self.settlement is Settlement.ATTACHED) != (self.batch_number is not None):
            raise ValueError("对应批次（attached）须填写 batch_number，其他处理方式不填")
        return self


class Settled(BaseModel):
    """The row as it is now."""

    bank_reference: str
    outcome: Outcome
    counted_fen: int
    settlement: Settlement | None


@router.post(
    "/statements", status_code=201, response_model=Loaded, responses=problem_responses(409, 413), summary="导入对账单"
)
async def load_statement(
    principal: Payer,
    key: IdempotencyKey,
    service: TheService,
    last_day: Annotated[Day, Form(description="对账单的日期；一次导入多日时为最后一日")],
    file: Annotated[UploadFile, File(description="Excel 或 CSV：流水号、起息日、金额、付款人、附言")],
    first_day: Annotated[Day | None, Form(description="一次导入多日时的第一日")] = None,
) -> Response:
    """导入一日或连续多日的对账单；没有流水的日子也要导入。附言中的批次编号用于自动对应。"""
    first = first_day or last_day
    if not first <= last_day <= first + timedelta(days=MAX_DAYS):
        raise invalid("bad-period", "日期不正确", f"第一日不能晚于最后一日，每次最多 {MAX_DAYS} 天。")
    if last_day >= shanghai_date(service.context.clock.now()):
        raise invalid("day-not-over", "当天的流水还没有结束", "对账单请在次日导入，以免遗漏当天稍后的到账。")
    data = await file.read()
    lines = await sheet.read(data, first, last_day)
    sealed = await asyncio.to_thread(_sealed, service.personal, lines)
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Loaded:
            matches = await statements.take_in(tx, lines, sealed, first, last_day, principal.account_id)
            return Loaded(
                first_day=first,
                last_day=last_day,
                lines=len(lines),
                amount_fen=sum(line.amount_fen for line in lines),
                outcomes={one: sum(1 for match in matches if match.outcome is one) for one in Outcome},
            )

        return await once(tx, principal, key, b"|".join((f"{first}/{last_day}".encode(), data)), make)


def _sealed(personal: PersonalData, lines: list[Line]) -> dict[str, tuple[str, str]]:
    return {
        one.reference: (
            personal.encrypt("payer", one.reference, one.payer),
            personal.encrypt("remark", one.reference, one.remark),
        )
        for one in lines
    }


@router.get("/statements", summary="已导入的对账单")
async def list_statements(principal: Viewer, service: TheService, paging: Paging) -> Page[StatementDay]:
    """每日一行，最近的在前；缺少的日子还没有导入。"""
    key = paging.key(date)
    async with reading(service.context.engine) as conn:
        rows = await store.days_page(conn, key[0] if key else None, paging.limit + 1)
    return Page(
        items=[StatementDay.model_validate(dict(row._mapping)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row.day]),
    )


@router.get("/statement-lines", summary="收款流水")
async def list_lines(
    principal: Viewer,
    service: TheService,
    paging: Paging,
    first_day: Annotated[Day | None, Query()] = None,
    last_day: Annotated[Day | None, Query()] = None,
    outcome: Outcome | None = None,
    is_open: Annotated[bool | None, Query(alias="open", description="待处理")] = None,
    batch_number: Annotated[str | None, Query(pattern=r"^CB[0-9]{12}$")] = None,
) -> Page[Movement]:
    """收款流水及对账结果，按起息日和流水号。"""
    key = paging.key(date, str)
    filters = store.Filters(first_day, last_day, outcome.value if outcome else None, is_open, batch_number)
    async with reading(service.context.engine) as conn:
        rows, total = await store.lines_page(conn, filters, (key[0], key[1]) if key else None, paging.limit + 1)
    decrypt = service.personal.decrypt
    return Page(
        items=[
            Movement.model_validate(
                dict(row._mapping)
                | {
                    "payer": decrypt("payer", row.bank_reference, row.payer),
                    "remark": decrypt("remark", row.bank_reference, row.remark),
                    "outcome_label": Outcome(row.outcome).label,
                }
            )
            for row in rows[: paging.limit]
        ],
        next=cursor_after(rows, paging.limit, lambda row: [row.day, row.bank_reference]),
        total=total,
    )


@router.post(
    "/statement-lines/{reference}/settlement",
    status_code=201,
    response_model=Settled,
    responses=problem_responses(409),
    summary="处理流水",
)
async def settle_line(
    reference: Reference, body: Settle, key: IdempotencyKey, principal: Payer, service: TheService
) -> Response:
    """对应到批次、退回多缴部分，或转为区局的清算分配款。"""
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Settled:
            await statements.settle(tx, reference, body.settlement, body.batch_number, body.note, principal.account_id)
            row = await store.line(tx.conn, reference)
            assert row is not None  # settled a moment ago
            return Settled.model_validate(dict(row._mapping))

        return await once(tx, principal, key, body, make)
