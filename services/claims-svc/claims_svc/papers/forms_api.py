"""Forms over HTTP, filled for a claim or blank (G19 Q81)."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.accounts import store as accounts
from claims_svc.claims import store as claims
from claims_svc.claims.filing import opened_heir
from claims_svc.claims.reach import log_read, reached
from claims_svc.claims.rules import PayeeKind
from claims_svc.claims.views import Number, shown
from claims_svc.papers import forms, needs, store
from claims_svc.papers.forms import Account
from claims_svc.papers.rules import PAPER_LABELS, PaperKind
from claims_svc.service import VIEWERS, ClaimsService, TheService
from unioncard.auth import Allow, Principal, Role
from unioncard.dates import shanghai_date
from unioncard.problems import conflict
from unioncard.typesetting import PDF
from unioncard.web.app import problem_responses

router = APIRouter(tags=["给付表格"], responses=problem_responses(401, 403))

Viewer = Annotated[Principal, Depends(Allow(*VIEWERS, Role.MEMBER))]
Form = Literal[PaperKind.APPLICATION_FORM, PaperKind.TRANSFER_REQUEST]

_PDF: dict[int | str, dict[str, Any]] = {200: {"content": {PDF: {}}}}


@router.get("/forms/{form}", response_class=Response, responses=_PDF, summary="空白表格")
async def blank_form(form: Form, _: Viewer, service: TheService) -> Response:
    """下载空白的给付申请审批表或划款申请书。"""
    fonts = service.settings.font_paths
    if form is PaperKind.APPLICATION_FORM:
        content = await asyncio.to_thread(forms.application_form, fonts, None, "", None)
    else:
        content = await asyncio.to_thread(forms.transfer_request, fonts, None, None)
    return _pdf(content, f"{form}.pdf")


@router.get(
    "/claims/{number}/forms/{form}",
    response_class=Response,
    responses={**_PDF, **problem_responses(404, 409)},
    summary="已填好的表格",
)
async def filled_form(number: Number, form: Form, principal: Viewer, service: TheService) -> Response:
    """下载按申请内容填好的审批表或划款申请书；每次下载都有记录。"""
    async with service.context.work.begin(principal.actor) as tx:
        row = await reached(tx.conn, principal, number)
        if form is PaperKind.TRANSFER_REQUEST and row.payee == PayeeKind.OWN_CARD:
            detail = f"划入本人会员服务卡的，不需要《{PAPER_LABELS[form]}》。"
            raise conflict("form-not-needed", "该申请不需要划款申请书", detail)
        log_read(tx, principal, row, "claim.form")
        claim = await shown(tx.conn, service.personal, row)
        account = await _account(tx.conn, service, row)
        document = service.personal.decrypt("document_number", row.member_id, row.member_document)
    fonts = service.settings.font_paths
    if form is PaperKind.APPLICATION_FORM:
        content = await asyncio.to_thread(forms.application_form, fonts, claim, document, account)
    else:
        content = await asyncio.to_thread(forms.transfer_request, fonts, claim, account)
    return _pdf(content, f"{number}-{form}.pdf")


@router.get(
    "/claims/{number}/needs.pdf",
    response_class=Response,
    responses={**_PDF, **problem_responses(404, 409)},
    summary="尚需材料（打印）",
)
async def print_needs(number: Number, principal: Viewer, service: TheService) -> Response:
    """一页打印：这份申请还缺什么、由谁办、最后期限。"""
    async with service.context.work.begin(principal.actor) as tx:
        row = await reached(tx.conn, principal, number)
        log_read(tx, principal, row)
        page = needs.shown(row, store.needs_of(row, await store.brought(tx.conn, number)))
        today = shanghai_date(tx.now)
    return _pdf(
        await asyncio.to_thread(forms.needs_page, service.settings.font_paths, page, today), f"{number}-needs.pdf"
    )


async def _account(conn: AsyncConnection, service: ClaimsService, row: Any) -> Account | None:
    """Where the money of a claim goes, unless to the member's own card or nowhere yet."""
    if row.payee == PayeeKind.HEIR:
        heir = await claims.heir(conn, row.number)
        assert heir is not None  # filed with it
        plain = opened_heir(service.personal, row.number, heir)
        return Account(plain["name"], plain["bank"], plain["account_number"])
    if row.account_id is None:
        return None
    found = await accounts.by_id(conn, row.account_id)
    subject = accounts.subject(found.id)
    return Account(
        service.personal.decrypt(accounts.HOLDER, subject, found.holder_name),
        found.bank,
        service.personal.decrypt(accounts.NUMBER, subject, found.account_number),
    )


def _pdf(content: bytes, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=PDF, headers=headers)
