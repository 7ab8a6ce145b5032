"""Who can be let go, and what a row of the sheet must be (domain 3, C20): pure; every fault is found at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from member_svc.imports.rules import Cell, cell_text
from member_svc.transfer_outs.columns import HEADER_OF, REASON_OF, OutField, OutReason
from unioncard.contracts.members import MemberState
from unioncard.documents import DocumentType, mask_document, normalise_document
from unioncard.names import normalise_name
from unioncard.problems import RowError
from unioncard.text import InvalidValue, half_width, single_spaces, without_spaces

MAX_NOTE = 200
_NUMBER = re.compile(r"[0-9]{10}")
# What is wrong with a number whatever the document's type; the day plays no part in it.
_ANY_DAY = date(2000, 1, 1)
_ANY_TYPE = ("document-number-missing", "document-number-numeric")


@dataclass(frozen=True, slots=True)
class OutRow:
    """A member to let go, as asked: by ``member_id`` (chosen in the list), or by name and number (in a sheet)."""

    line: int
    reason: OutReason
    note: str | None
    member_id: int | None = None
    name: str = ""
    document: str = ""
    number: str | None = None

    def error(self, at: OutField, reason: str, remedy: str) -> RowError:
        """A fault of this row."""
        shown = mask_document(self.document) if self.document else ""
        return RowError(line=self.line, name=self.name, number=shown, field=HEADER_OF[at], reason=reason, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Found:
    """A member of the union, opened."""

    id: int
    name: str
    document: str
    number: str | None
    state: MemberState
    waiting: bool


def read_row(line: int, cells: Mapping[OutField, Cell]) -> tuple[OutRow | None, list[RowError]]:
    """The row, or everything that is wrong with it."""
    errors: list[RowError] = []
    typed = without_spaces(half_width(cell_text(cells.get(OutField.DOCUMENT_NUMBER)))).upper()
    shown = OutRow(
        line, OutReason.OTHER, None, name=single_spaces(cell_text(cells.get(OutField.NAME)))[:50], document=typed[:40]
    )

    def wrong(at: OutField, error: InvalidValue) -> None:
        errors.append(shown.error(at, error.reason_zh, error.remedy_zh))

    name, reason, number, note = "", OutReason.OTHER, None, None
    try:
        name = normalise_name(cell_text(cells.get(OutField.NAME)))
    except InvalidValue as error:
        wrong(OutField.NAME, error)
    try:
        _check_document(cells.get(OutField.DOCUMENT_NUMBER))
    except InvalidValue as error:
        wrong(OutField.DOCUMENT_NUMBER, error)
    try:
        reason = _reason(cell_text(cells.get(OutField.REASON)))
    except InvalidValue as error:
        wrong(OutField.REASON, error)
    try:
        number = _member_number(cells.get(OutField.NUMBER))
    except InvalidValue as error:
        wrong(OutField.NUMBER, error)
    try:
        note = _note(cell_text(cells.get(OutField.NOTE)))
    except InvalidValue as error:
        wrong(OutField.NOTE, error)
    if errors:
        return None, errors
    return OutRow(line, reason, note, name=name, document=typed, number=number), []


def _check_document(cell: Cell) -> None:
    """An empty or numeric cell. Anything else is looked for as it stands: the type is not asked for."""
    raw = cell if isinstance(cell, int | float) and not isinstance(cell, bool) else cell_text(cell)
    try:
        normalise_document(DocumentType.OTHER, raw, _ANY_DAY)
    except InvalidValue as error:
        if error.code in _ANY_TYPE:
            raise


def _reason(text: str) -> OutReason:
    found = REASON_OF.get(without_spaces(half_width(text)))
    if found is None:
        one_of = "、".join(reason.label for reason in OutReason)
        what = "转出原因不在可选范围内" if without_spaces(text) else "转出原因为空"
        raise InvalidValue("out-reason", what, f"请填写以下之一：{one_of}")
    return found


def _member_number(cell: Cell) -> str | None:
    text = without_spaces(half_width(cell_text(cell)))
    if not text:
        return None
    if isinstance(cell, int | float):
        raise InvalidValue("member-number", "会员编号是数字格式，开头的 0 可能已丢失", "请将该列设为文本格式后重新填写")
    if not _NUMBER.fullmatch(text):
        raise InvalidValue("member-number", "会员编号不是 10 位数字", "请填写 10 位会员编号，或将该格留空")
    return text


def _note(text: str) -> str | None:
    note = single_spaces(text)
    if len(note) > MAX_NOTE:
        raise InvalidValue("note", f"说明超过 {MAX_NOTE} 个字", "请精简说明")
    if any(ord(character) < 32 for character in note):
        raise InvalidValue("note", "说明含有不可见字符", "请清空单元格后重新填写")
    return note or None


def repeated(rows: Sequence[OutRow], members: Sequence[Found | None]) -> list[RowError]:
    """Rows that stand for the same member: every one of them is a fault, since nobody knows which is right."""
    lines: dict[int, list[OutRow]] = {}
    for row, member in zip(rows, members, strict=True):
        if member is not None:
            lines.setdefault(member.id, []).append(row)
    errors: list[RowError] = []
    for same in lines.values():
        for row in same if len(same) > 1 else ():
            others = "、".join(str(other.line) for other in same if other is not row)
            errors.append(
                row.error(OutField.DOCUMENT_NUMBER, f"与第 {others} 行是同一会员", "同一会员只保留一行，请删除重复的行")
            )
    return errors


def fault(row: OutRow, member: Found | None) -> RowError | None:
    """Why this member cannot be let go now; None where it can. ``member`` is None for who is not in the union."""
    if member is None:
        return row.error(OutField.DOCUMENT_NUMBER, "本工会没有这名会员", "请核对证件号码；已不在本工会的会员无需再转出")
    if row.member_id is None and row.name != member.name:
        return row.error(OutField.NAME, "姓名与系统登记的不一致", "请核对姓名和证件号码")
    if row.number and row.number != member.number:
        return row.error(OutField.NUMBER, "会员编号与系统登记的不一致", "请核对会员编号，或将该格留空")
    return _not_now(row, member)


def _not_now(row: OutRow, member: Found) -> RowError | None:
    later = "请取消选择该会员，待审核结束后再办理转出"
    if member.state is MemberState.PENDING:
        return row.error(OutField.DOCUMENT_NUMBER, "该会员的新增正在等待审核", later)
    if member.waiting:
        return row.error(OutField.DOCUMENT_NUMBER, "该会员已有变更正在等待审核", later)
    if member.state is MemberState.IN_TRANSFER:
        return row.error(OutField.DOCUMENT_NUMBER, "其他工会已申请转入该会员", "请在“会员转出审核”中办理")
    return None
