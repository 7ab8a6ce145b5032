"""The register as PDF: 《上海工会会员服务卡批量开户汇总表》 (清册), set by typst. Blocking: run it in a thread."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from card_svc.batches.rules import REGISTER
from card_svc.cards.rules import CHANNEL_LABELS
from card_svc.personal import PersonalData
from unioncard.contracts.cards import Channel
from unioncard.dates import LONG_TERM, SHANGHAI
from unioncard.documents import DocumentType, Sex
from unioncard.typesetting import typeset

_TEMPLATE = Path(__file__).with_name("register.typ")

_COLUMNS = (
    "序号",
    "会员编号",
    "姓名",
    "证件类型",
    "证件号码",
    "性别",
    "证件到期日",
    "手机号码",
    "银行卡号",
    "会员签收",
)


def render(personal: PersonalData, font_paths: Sequence[Path], batch: Any, members: Sequence[Any]) -> bytes:
    """The PDF, or a problem (409) that names each character no installed font can print."""
    data = {
        "title": REGISTER,
        "number": batch.number,
        "heading": _heading(personal, batch),
        "columns": list(_COLUMNS),
        "rows": [_row(personal, row) for row in members],
    }
    return typeset(_TEMPLATE, data, font_paths, "清册")


def _heading(personal: PersonalData, batch: Any) -> list[list[str]]:
    submitted = batch.submitted_at.astimezone(SHANGHAI)
    return [
        ["工会名称", batch.union_name],
        ["批次编号", batch.number],
        ["提交时间", f"{submitted:%Y-%m-%d %H:%M}"],
        ["发卡支行", batch.branch or "-"],
        ["经办网点", batch.outlet_name or "-"],
        ["网点地址", batch.outlet_address or "-"],
        ["办卡通道", CHANNEL_LABELS[Channel(batch.channel)]],
        ["工会经办人", personal.decrypt("contact_name", batch.number, batch.contact_name)],
        ["联系方式", personal.decrypt("contact_mobile", batch.number, batch.contact_mobile)],
        ["总人数", str(batch.members)],
    ]


def _row(personal: PersonalData, row: Any) -> list[str]:
    expiry = row.document_expiry
    kind, sex = row.document_type, row.sex
    card = personal.decrypt("card_number", row.member_id, row.card_number) if row.card_number else ""
    return [
        str(row.place),
        row.member_number,
        personal.name(row.member_id, row.name),
        DocumentType(kind).label if kind in set(DocumentType) else kind,
        personal.decrypt("document_number", row.member_id, row.document_number),
        Sex(sex).label if sex in set(Sex) else sex,
        "" if expiry is None else "长期" if expiry == LONG_TERM else expiry.isoformat(),
        personal.decrypt("mobile", row.member_id, row.mobile),
        card,
        "办卡失败" if row.outcome == "failed" else "",
    ]
