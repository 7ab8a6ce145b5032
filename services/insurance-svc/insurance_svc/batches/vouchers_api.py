"""Payment vouchers (缴费凭证) over HTTP: the district uploads photos, the centre downloads them."""

import hashlib
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, File, Response, UploadFile
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.batches import events, store, vouchers
from insurance_svc.batches.api import Viewer
from insurance_svc.batches.views import Number
from insurance_svc.service import DISTRICT, InsuranceService, TheService, scope
from unioncard.auth import Allow, Principal
from unioncard.contracts.insurance import PremiumState
from unioncard.database import reading
from unioncard.paper_store import extension, media_type
from unioncard.problems import Problem, conflict, invalid, not_found
from unioncard.web.app import problem_responses
from unioncard.web.fields import PathId
from unioncard.web.idempotency import IdempotencyKey, answered, claim_of, once

router = APIRouter(
    prefix="/premium-batches/{number}/vouchers", tags=["缴费凭证"], responses=problem_responses(401, 403, 404)
)

District = Annotated[Principal, Depends(Allow(*DISTRICT))]


class Voucher(BaseModel):
    """一份缴费凭证。"""

    id: int
    media_type: str
    bytes: int
    sha256: str
    uploaded_at: datetime


class Vouchers(BaseModel):
    """批次的全部缴费凭证。"""

    batch_number: str
    items: list[Voucher]


@router.post(
    "", status_code=201, response_model=Vouchers, responses=problem_responses(409, 413, 503), summary="上传缴费凭证"
)
async def upload(
    number: Number,
    key: IdempotencyKey,
    principal: District,
    service: TheService,
    file: Annotated[UploadFile, File(description="照片（PNG、JPEG）或 PDF")],
) -> Response:
    """上传一份缴费凭证；同一文件重复上传只算一份。"""
    content = await _checked(service, file)
    kind = media_type(content)
    assert kind is not None  # checked above
    digest = hashlib.sha256(content).hexdigest()
    async with reading(service.context.engine) as conn:
        if (known := await answered(conn, claim_of(principal, key, digest.encode()))) is not None:
            return known
        await _must_take_vouchers(conn, principal, number)
    # Before the facts that speak of it: a crash in between leaves a file nobody speaks of, never the other way round.
    await service.papers.keep(vouchers.key_of(number, digest), content)
    async with service.context.work.begin(principal.actor) as tx:

        async def make() -> Vouchers:
            batch = await store.locked_one(tx.conn, number)
            _check_state(batch.state if batch is not None else None)
            row = await vouchers.add(tx, number, kind, len(content), digest, principal.account_id)
            if row is not None:
                events.voucher_uploaded(tx, row)
                after = {"vouchers": row.vouchers, "sha256": digest}
                tx.audit("batch.voucher", f"batch:{number}", organisation_id=row.district_id, after=after)
            rows = await vouchers.of_batch(tx.conn, number)
            return Vouchers(batch_number=number, items=[Voucher.model_validate(dict(one._mapping)) for one in rows])

        return await once(tx, principal, key, digest.encode(), make)


async def _checked(service: InsuranceService, file: UploadFile) -> bytes:
    """The file, or a problem: too large, neither picture nor PDF, or something the scanner does not like."""
    limit = service.settings.voucher_limit_bytes
    content = await file.read(limit + 1)
    if len(content) > limit:
        raise Problem(413, "voucher-too-large", "文件过大", f"每份凭证不超过 {limit // 1024} KB，请压缩后上传。")
    if media_type(content) is None:
        raise invalid("voucher-type", "文件不是图片或 PDF", "请上传 PNG、JPEG 照片或 PDF；改扩展名没有用。")
    if await service.scanner.finding(content) is not None:
        raise invalid("voucher-infected", "文件未通过病毒检查", "请在无毒的电脑上重新拍照或扫描后上传。")
    return content


async def _must_take_vouchers(conn: AsyncConnection, principal: Principal, number: str) -> None:
    row = await store.find(conn, await scope(conn, principal), number)
    if row is None:
        raise not_found("这个参保批次")
    _check_state(row.state)
    if row.vouchers >= vouchers.VOUCHERS_A_BATCH:
        raise conflict("too-many-vouchers", "该批次的凭证已达上限", f"每个批次最多 {vouchers.VOUCHERS_A_BATCH} 份。")


def _check_state(state: str | None) -> None:
    if state != PremiumState.PASSED:
        raise conflict("batch-state", "该批次不在待缴费状态，不能上传凭证", "审核通过后、核销或作废前可以上传。")


@router.get("", summary="缴费凭证列表")
async def list_vouchers(number: Number, principal: Viewer, service: TheService) -> Vouchers:
    """批次已上传的凭证。"""
    async with reading(service.context.engine) as conn:
        if await store.find(conn, await scope(conn, principal), number) is None:
            raise not_found("这个参保批次")
        rows = await vouchers.of_batch(conn, number)
    return Vouchers(batch_number=number, items=[Voucher.model_validate(dict(row._mapping)) for row in rows])


@router.get(
    "/{voucher_id}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **problem_responses(503)},
    summary="下载缴费凭证",
)
async def download(number: Number, voucher_id: PathId, principal: Viewer, service: TheService) -> Response:
    """下载一份凭证；只作为附件保存，不在页面中打开。"""
    async with reading(service.context.engine) as conn:
        batch = await store.find(conn, await scope(conn, principal), number)
        row = await vouchers.find(conn, number, voucher_id) if batch is not None else None
    if row is None:
        raise not_found("这份缴费凭证")
    content = await service.papers.fetch(row.object_key)
    name = f"{number}-{voucher_id}.{extension(row.media_type)}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
