"""The list of cards as a sheet."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from card_svc.cardlife.payees import card_of
from card_svc.cardlife.views import label_of
from card_svc.cards.rules import CHANNEL_LABELS, LABELS
from card_svc.personal import PersonalData
from unioncard import sheets
from unioncard.contracts.cards import CardState, Channel
from unioncard.documents import DocumentType, Sex
from unioncard.sheets import moment

_COLUMNS: Sequence[tuple[str, int, Callable[[PersonalData, Any], str | None]]] = (
    ("会员编号", 14, lambda _, row: row.number),
    ("姓名", 14, lambda personal, row: personal.name(row.id, row.name)),
    ("性别", 6, lambda _, row: label(Sex, row.sex)),
    ("证件类型", 20, lambda _, row: label(DocumentType, row.document_type)),
    ("证件号码", 16, lambda personal, row: personal.masked_document(row.id, row.document_number)),
    ("所属工会", 30, lambda _, row: row.union_name),
    ("银行卡号", 16, lambda personal, row: personal.masked_card(row.id, row.card_number)),
    ("申办时间", 18, lambda _, row: moment(row.applied_at)),
    ("申请通道", 10, lambda _, row: CHANNEL_LABELS[Channel(row.channel)] if row.channel else None),
    ("办理状态", 10, lambda _, row: LABELS[CardState(row.state)]),
    ("批次编号", 22, lambda _, row: row.batch_number),
    ("失败原因", 40, lambda _, row: row.failed_reason),
    ("激活日期", 12, lambda _, row: row.activated_on.isoformat() if row.activated_on else None),
)


def label(kind: type[Sex] | type[DocumentType], value: str) -> str:
    """The Chinese name of a value, the value itself where it has none."""
    return kind(value).label if value in set(kind) else value


def _card_state(row: Any, today: date) -> str | None:
    card = card_of(row)
    return label_of(card, today) if card else None


def sheet(personal: PersonalData, rows: Sequence[Any], today: date) -> bytes:
    """The workbook; everything is text. Blocking: run it in a thread."""
    headings = [*((title, width) for title, width, _ in _COLUMNS), ("卡片状态", 14)]
    lines = ([*(shown(personal, row) for _, _, shown in _COLUMNS), _card_state(row, today)] for row in rows)
    return sheets.sheet("会员卡", headings, lines)
