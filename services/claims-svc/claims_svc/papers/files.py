"""Uploading a paper: what it may be, and where it is kept, encrypted with the service's key."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from fastapi import UploadFile

from claims_svc.claims.progress import move_on, must_be_open
from claims_svc.papers import store
from claims_svc.papers.rules import PAPER_LABELS, PaperKind
from claims_svc.service import ClaimsService
from unioncard.auth import Principal
from unioncard.paper_store import media_type
from unioncard.problems import Problem, conflict, invalid
from unioncard.unit_of_work import Transaction

PAPER = "paper"
"""The encrypted file; its subject is its key in the object store."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file as it was sent, seen to be a picture or a PDF."""

    kind: PaperKind
    content: bytes
    media_type: str
    sha256: str


async def checked(service: ClaimsService, kinds: Sequence[PaperKind], uploads: Sequence[UploadFile]) -> list[Sent]:
    """The files, each of the kind at its place; or a problem that names the first that is no paper.

    Too large, neither picture nor PDF, something the scanner does not like, or more kinds than files.
    """
    if len(kinds) != len(uploads):
        detail = f"收到 {len(uploads)} 个文件、{len(kinds)} 个材料种类；请按文件的顺序逐一填写材料种类。"
        raise invalid("papers-kinds", "文件与材料种类不是一一对应", detail)
    return [
        await _checked(service, kind, upload, f"第 {place} 个文件（{PAPER_LABELS[kind]}）")
        for place, (kind, upload) in enumerate(zip(kinds, uploads, strict=True), 1)
    ]


async def _checked(service: ClaimsService, kind: PaperKind, upload: UploadFile, which: str) -> Sent:
    limit = service.settings.paper_limit_bytes
    content = await upload.read(limit + 1)
    if len(content) > limit:
        detail = f"{which}超过 {limit // 1024} KB；每份材料不得超过该大小，请压缩后上传。"
        raise Problem(413, "paper-too-large", "文件过大", detail)
    media = media_type(content)
    if media is None:
        detail = f"{which}不能识别；请上传 PNG、JPEG 照片或 PDF；改扩展名没有用。"
        raise invalid("paper-type", "文件不是图片或 PDF", detail)
    if await service.scanner.finding(content) is not None:
        raise invalid("paper-infected", "文件未通过病毒检查", f"{which}：请在无毒的电脑上重新拍照或扫描后上传。")
    return Sent(kind, content, media, hashlib.sha256(content).hexdigest())


async def keep(service: ClaimsService, number: str, papers: Sequence[Sent]) -> None:
    """Put files into the object store, encrypted, all at once.

    Before the facts that speak of them: a crash in between leaves files nobody speaks of, never the other way round.
    """
    by_key = {store.key_of(number, one.sha256): one.content for one in papers}
    sealed = await asyncio.to_thread(_sealed, service, by_key)
    await asyncio.gather(*(service.papers.keep(key, content) for key, content in sealed.items()))


def _sealed(service: ClaimsService, by_key: Mapping[str, bytes]) -> dict[str, bytes]:
    return {key: service.personal.sealed_file(PAPER, key, content) for key, content in by_key.items()}


async def fetch(service: ClaimsService, key: str) -> bytes:
    """A file as it was sent."""
    sealed = await service.papers.fetch(key)
    return await asyncio.to_thread(service.personal.opened_file, PAPER, key, sealed)


async def add(
    tx: Transaction, service: ClaimsService, principal: Principal, row: Any, papers: Sequence[Sent]
) -> tuple[sa.Row[Any], store.Brought]:
    """Note kept papers of a locked claim, and move the claim on; files that are there already change nothing.

    Its row then, and all that has been brought for it.
    """
    must_be_open(tx, row)
    kept = [store.Kept(one.kind, one.media_type, len(one.content), one.sha256) for one in papers]
    added = await store.add(tx, row.number, kept, principal.account_id)
    brought = await store.brought(tx.conn, row.number)
    if not added:
        return row, brought
    if len(brought.papers) > store.PAPERS_A_CLAIM:
        raise conflict("too-many-papers", "该申请的材料已达上限", f"每份申请最多 {store.PAPERS_A_CLAIM} 份材料。")
    for one in added:
        after = {"kind": one.kind, "paper": one.id}
        tx.audit("claim.paper", f"claim:{row.number}", organisation_id=row.union_id, after=after)
    return await move_on(tx, service.settings, row, brought), brought
