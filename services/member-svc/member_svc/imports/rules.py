"""What a row of a roster must be (domain 3): pure, so that every fault of every row is found at once."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TypeVar

from member_svc.imports.columns import BY_FIELD, Field
from member_svc.imports.nationalities import CHINA, NATIONALITIES
from unioncard.dates import LONG_TERM
from unioncard.documents import DocumentNumber, DocumentType, Sex, document_type, mask_document, normalise_document
from unioncard.names import normalise_name
from unioncard.phones import normalise_mobile
from unioncard.problems import RowError
from unioncard.text import InvalidValue, half_width, single_spaces, without_spaces

MAX_ROWS = 1000
MAX_ADDRESS = 100

Cell = str | float | int | bool | date | None
Cells = Mapping[Field, Cell]
T = TypeVar("T")

_DATE = re.compile(r"(\d{4})\D{1,2}?(\d{1,2})\D{1,2}?(\d{1,2})日?")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NUMBER = re.compile(r"[0-9]{10}")


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A sound row. Optional cells left empty are None: a new member gets the default, a change leaves it as it is."""

    line: int
    number: str | None
    name: str
    document: DocumentNumber
    sex: Sex
    birth_date: date
    address: str
    mobile: str
    education: str
    household: str
    grade: str
    post: str
    document_expiry: date | None
    nationality: str | None

    def error(self, at: Field, reason: str, remedy: str) -> RowError:
        """A fault of this row that only the stored members can tell."""
        return RowError(
            line=self.line,
            name=self.name,
            number=self.document.masked,
            field=BY_FIELD[at].header,
            reason=reason,
            remedy=remedy,
        )


@dataclass(slots=True)
class _Reading:
    """One row while it is read: gathers its faults."""

    line: int
    cells: Cells
    today: date
    errors: list[RowError] = field(default_factory=list)

    def text(self, at: Field) -> str:
        return cell_text(self.cells.get(at))

    def wrong(self, at: Field, reason: str, remedy: str) -> None:
        self.errors.append(
            RowError(
                line=self.line,
                name=single_spaces(self.text(Field.NAME))[:50],
                number=mask_document(without_spaces(half_width(self.text(Field.DOCUMENT_NUMBER)))[:40])
                if self.text(Field.DOCUMENT_NUMBER)
                else "",
                field=BY_FIELD[at].header,
                reason=reason,
                remedy=remedy,
            )
        )

    def read(self, at: Field, parse: Callable[[], T]) -> T | None:
        try:
            return parse()
        except InvalidValue as error:
            self.wrong(at, error.reason_zh, error.remedy_zh)
            return None


def read_row(line: int, cells: Cells, today: date) -> tuple[MemberRow | None, list[RowError]]:
    """The row, or everything that is wrong with it. ``today`` is the day in Shanghai."""
    row = _Reading(line, cells, today)
    number = _member_number(row)
    name = row.read(Field.NAME, lambda: normalise_name(row.text(Field.NAME)))
    document = _document(row)
    sex = row.read(Field.SEX, lambda: _sex(row.text(Field.SEX)))
    birth_date = row.read(Field.BIRTH_DATE, lambda: _birth_date(cells.get(Field.BIRTH_DATE), today))
    address = row.read(Field.ADDRESS, lambda: _address(row.text(Field.ADDRESS)))
    mobile = row.read(Field.MOBILE, lambda: normalise_mobile(_number_or_text(cells.get(Field.MOBILE))))
    chosen = {at: row.read(at, partial(_choice, at, row.text(at))) for at in _CHOSEN}
    expiry = row.read(Field.DOCUMENT_EXPIRY, lambda: _expiry(cells.get(Field.DOCUMENT_EXPIRY), today))
    nationality = row.read(Field.NATIONALITY, lambda: _nationality(row.text(Field.NATIONALITY)))
    if document is not None:
        _agree(row, document, sex, birth_date, nationality)
    if row.errors:
        return None, row.errors
    # Each None has left an error.
    assert name
    assert document
    assert sex
    assert birth_date
    assert address
    assert mobile
    return MemberRow(
        line=line,
        number=number,
        name=name,
        document=document,
        sex=sex,
        birth_date=birth_date,
        address=address,
        mobile=mobile,
        education=str(chosen[Field.EDUCATION]),
        household=str(chosen[Field.HOUSEHOLD]),
        grade=str(chosen[Field.GRADE]),
        post=str(chosen[Field.POST]),
        document_expiry=expiry,
        nationality=nationality,
    ), []


_CHOSEN = (Field.EDUCATION, Field.HOUSEHOLD, Field.GRADE, Field.POST)


def repeated_in_file(rows: Sequence[MemberRow]) -> list[RowError]:
    """Rows that stand for the same person: every one of them is a fault, since nobody knows which is right."""
    errors: list[RowError] = []
    keys: dict[tuple[Field, str], list[MemberRow]] = {}
    for row in rows:
        keys.setdefault((Field.DOCUMENT_NUMBER, f"{row.document.type}:{row.document.number}"), []).append(row)
        if row.number:
            keys.setdefault((Field.NUMBER, row.number), []).append(row)
    for (at, _), same in keys.items():
        for row in same if len(same) > 1 else ():
            others = "、".join(str(other.line) for other in same if other is not row)
            reason = f"与第 {others} 行的{BY_FIELD[at].header}相同"
            errors.append(row.error(at, reason, "同一会员只保留一行，请删除重复的行"))
    return errors


def cell_text(cell: Cell) -> str:
    """The cell as a person reads it: whole numbers without a point, empty cells as the empty text."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _number_or_text(cell: Cell) -> str | int | float:
    # A bool is an int to Python, and no number to anybody else.
    return cell if isinstance(cell, str | int | float) and not isinstance(cell, bool) else cell_text(cell)


def _member_number(row: _Reading) -> str | None:
    cell = row.cells.get(Field.NUMBER)
    text = without_spaces(half_width(row.text(Field.NUMBER)))
    if not text:
        return None
    if isinstance(cell, int | float):
        row.wrong(Field.NUMBER, "会员编号是数字格式，开头的 0 可能已丢失", "请将该列设为文本格式后重新填写")
    elif not _NUMBER.fullmatch(text):
        row.wrong(Field.NUMBER, "会员编号不是 10 位数字", "请填写 10 位会员编号；新会员请留空")
    else:
        return text
    return None


def _document(row: _Reading) -> DocumentNumber | None:
    kind = row.read(Field.DOCUMENT_TYPE, lambda: document_type(row.text(Field.DOCUMENT_TYPE)))
    # An unknown type hides what is wrong with the number; a numeric cell is wrong whatever the type.
    raw = _number_or_text(row.cells.get(Field.DOCUMENT_NUMBER))
    if kind is None and isinstance(raw, str):
        return None
    asked = kind or DocumentType.OTHER
    return row.read(Field.DOCUMENT_NUMBER, lambda: normalise_document(asked, raw, row.today))


def _sex(text: str) -> Sex:
    for sex in Sex:
        if without_spaces(text) == sex.label:
            return sex
    raise InvalidValue("sex", "性别为空或不正确", "请填写“男”或“女”")


def read_date(cell: Cell) -> date | None:
    """The day in a cell: a date cell, ``1990-01-31``, ``1990/1/31``, ``1990.1.31``, ``1990年1月31日``, ``19900131``."""
    if isinstance(cell, date):
        return cell
    text = without_spaces(half_width(cell_text(cell)))
    found = _COMPACT_DATE.fullmatch(text) or _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def _birth_date(cell: Cell, today: date) -> date:
    if cell is None or cell == "":
        raise InvalidValue("birth-date", "出生日期为空", "请填写出生日期，如 1990-01-31")
    found = read_date(cell)
    if found is None:
        raise InvalidValue("birth-date", "出生日期不是有效日期", "请按 1990-01-31 的格式填写")
    if not date(1900, 1, 1) <= found <= today:
        raise InvalidValue("birth-date", "出生日期早于 1900 年或晚于今天", "请核对出生日期")
    return found


def _expiry(cell: Cell, today: date) -> date | None:
    if cell is None or cell == "":
        return None
    if without_spaces(half_width(cell_text(cell))) in ("长期", "长期有效", "永久"):
        return LONG_TERM
    found = read_date(cell)
    if found is None:
        raise InvalidValue("document-expiry", "证件到期日不是有效日期", "请按 2030-01-31 的格式填写，长期有效填“长期”")
    if found < today:
        raise InvalidValue("document-expired", "证件已过期", "请填写新证件的到期日")
    return found


def _address(text: str) -> str:
    address = single_spaces(text)
    if not address:
        raise InvalidValue("address", "联系地址为空", "请填写联系地址")
    if len(address) > MAX_ADDRESS:
        raise InvalidValue("address", f"联系地址超过 {MAX_ADDRESS} 个字符", "请精简联系地址")
    if any(ord(character) < 32 for character in address):
        raise InvalidValue("address", "联系地址含有不可见字符", "请清空单元格后重新填写")
    return address


def _choice(at: Field, text: str) -> str:
    column = BY_FIELD[at]
    value = without_spaces(half_width(text))
    if not value:
        raise InvalidValue("choice", f"{column.header}为空", f"请填写以下之一：{'、'.join(column.choices)}")
    if value not in column.choices:
        raise InvalidValue("choice", f"{column.header}不在可选范围内", f"请改为以下之一：{'、'.join(column.choices)}")
    return value


def _nationality(text: str) -> str | None:
    value = without_spaces(half_width(text))
    if value and value not in NATIONALITIES:
        raise InvalidValue("nationality", "国籍不正确", "请填写国家的中文简称，如“中国”“新加坡”")
    return value or None


def _agree(
    row: _Reading, document: DocumentNumber, sex: Sex | None, birth_date: date | None, nationality: str | None
) -> None:
    """Sex and birth date must agree with a number that contains them; a resident's nationality is Chinese."""
    if sex and document.sex and sex is not document.sex:
        row.wrong(Field.SEX, "性别与证件号码不一致", "请核对性别和证件号码，改正其中有误的一项")
    if birth_date and document.birth_date and birth_date != document.birth_date:
        row.wrong(Field.BIRTH_DATE, "出生日期与证件号码不一致", "请核对出生日期和证件号码，改正其中有误的一项")
    if nationality and document.type is DocumentType.RESIDENT_IDENTITY_CARD and nationality != CHINA:
        row.wrong(Field.NATIONALITY, "持居民身份证的会员国籍应为中国", "请改为“中国”或核对证件类型")


def default_nationality(kind: DocumentType) -> str | None:
    """What a document tells of its holder's nationality when the sheet does not."""
    return CHINA if kind is DocumentType.RESIDENT_IDENTITY_CARD else None


def blank(cells: Sequence[Cell]) -> bool:
    """Whether a line holds nothing; such lines are skipped."""
    return all(cell is None or (isinstance(cell, str) and not without_spaces(cell)) for cell in cells)
