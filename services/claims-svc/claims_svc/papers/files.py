"""Uploading a paper: what it may be, and where it is kept, encrypted with the service's key."""

import asyncio
import hashlib
from typing import Any

import sqlalchemy as sa
from fastapi import UploadFile

from claims_svc.claims.progress import move_on, must_be_open
from claims_svc.papers import store
from claims_svc.papers.rules import PaperKind
from claims_svc.service import ClaimsService
from unioncard.auth import Principal
from unioncard.paper_store import media_type
from unioncard.problems import Problem, conflict, invalid
from unioncard.unit_of_work import Transaction

PAPER = "paper"
"""The encrypted file; its subject is its key in the object store."""


async def checked(service: ClaimsService, file: UploadFile) -> bytes:
    """The file, or a problem: too large, neither picture nor PDF, or something the scanner does not like."""
    limit = service.settings.paper_limit_bytes
    content = await file.read(limit + 1)
    if len(content) > limit:
        raise Problem(413, "paper-too-large", "文件过大", f"每份材料不超过 {limit // 1024} KB，请压缩后上传。")
    if media_type(content) is None:
        raise invalid("paper-type", "文件不是图片或 PDF", "请上传 PNG、JPEG 照片或 PDF；改扩展名没有用。")
    if await service.scanner.finding(content) is not None:
        raise invalid("paper-infected", "文件未通过病毒检查", "请在无毒的电脑上重新拍照或扫描后上传。")
    return content


async def keep(service: ClaimsService, number: str, content: bytes) -> str:
    """Put a file into the object store, encrypted; the SHA-256 of what was sent.

    Before the facts that speak of it: a crash in between leaves a file nobody speaks of, never the other way round.
    """
    digest = hashlib.sha256(content).hexdigest()
    key = store.key_of(number, digest)
    sealed = await asyncio.to_thread(service.personal.sealed_file, PAPER, key, content)
    await service.papers.keep(key, sealed)
    return digest


async def fetch(service: ClaimsService, key: str) -> bytes:
    """A file as it was sent."""
    sealed = await service.papers.fetch(key)
    return await asyncio.to_thread(service.personal.opened_file, PAPER, key, sealed)


async def add(
    tx: Transaction,
    service: ClaimsService,
    principal: Principal,
    row: Any,
    kind: PaperKind,
    content: bytes,
    digest: str,
) -> sa.Row[Any]:
    """Note a kept paper of a locked claim, and move the claim on; the same file again changes nothing. Its row then."""
    must_be_open(tx, row)
    if await store.count(tx.conn, row.number) >= store.PAPERS_A_CLAIM:
        raise conflict("too-many-papers", "该申请的材料已达上限", f"每份申请最多 {store.PAPERS_A_CLAIM} 份材料。")
    media = media_type(content)
    assert media is not None  # checked
    added = await store.add(tx, row.number, kind, media, len(content), digest, principal.account_id)
    if added is None:
        same: sa.Row[Any] = row
        return same
    after = {"kind": kind, "paper": added}
    tx.audit("claim.paper", f"claim:{row.number}", organisation_id=row.union_id, after=after)
    return await move_on(tx, service.settings, row)
