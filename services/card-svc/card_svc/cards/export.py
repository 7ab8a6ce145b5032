"""The list of cards as a sheet."""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import xlsxwriter

from card_svc.cards.rules import CHANNEL_LABELS, LABELS
from card_svc.personal import PersonalData
from unioncard.contracts.cards import CardState, Channel
from unioncard.dates import SHANGHAI
from unioncard.documents import DocumentType, Sex

MAX_ROWS = 50_000

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
)


def label(kind: type[Sex] | type[DocumentType], value: str) -> str:
    """The Chinese name of a value, the value itself where it has none."""
    return kind(value).label if value in set(kind) else value


def moment(at: Any) -> str | None:
    """An instant as staff read it."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else None


def sheet(personal: PersonalData, rows: Sequence[Any]) -> bytes:
    """The workbook. Everything is text: numbers of 18 digits must not become 3.1E+17, and no cell is a formula."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"constant_memory": True})
    page = book.add_worksheet("会员卡")
    heading = book.add_format({"bold": True, "bg_color": "#DDE6F0", "border": 1})
    for column, (title, width, _) in enumerate(_COLUMNS):
        page.set_column(column, column, width)
        page.write_string(0, column, title, heading)
    page.freeze_panes(1, 0)
    for line, row in enumerate(rows, start=1):
        for column, (_, _, value) in enumerate(_COLUMNS):
            page.write_string(line, column, value(personal, row) or "")
    book.close()
    return buffer.getvalue()
