"""What a line of ``members.csv`` must be: pure.

The same rules as for a roster (domain 3), but that a document may have expired since. Most lines are plain already, and
a short look says so; what it cannot vouch for goes through the roster's own check, which tells every fault.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from operator import mul

from member_svc.imports.columns import COLUMNS, EDUCATION, GRADE, HOUSEHOLD, POST, Field
from member_svc.imports.nationalities import CHINA
from member_svc.imports.rules import MAX_ADDRESS, default_nationality, read_date, read_row
from member_svc.transfer_outs.columns import REASON_OF, OutReason
from unioncard.chunks import Reject
from unioncard.contracts.members import MemberKind
from unioncard.dates import LONG_TERM
from unioncard.documents import DocumentType, Sex
from unioncard.problems import RowError

REQUIRED = (
    "number",
    "union_code",
    "name",
    "document_type",
    "document_number",
    "sex",
    "birth_date",
    "address",
    "mobile",
    "education",
    "household",
    "grade",
    "post",
)
OPTIONAL = ("document_expiry", "nationality", "kind", "left_reason")

_KINDS = {kind.value: kind for kind in MemberKind} | {
    "": MemberKind.EMPLOYED,
    "单位就业": MemberKind.EMPLOYED,
    "灵活就业": MemberKind.FLEXIBLE,
    "企业外": MemberKind.OUTSIDE,
}
_REASONS = {reason.value: reason for reason in OutReason} | REASON_OF
_ROSTER = [column.field for column in COLUMNS if column.field not in (Field.NUMBER, Field.DOCUMENT_EXPIRY)]
_NAME_OF = {column.header: column.field.value for column in COLUMNS}
_LONG = ("长期", "长期有效", "永久", LONG_TERM.isoformat())

_NUMBER = re.compile(r"[0-9]{10}")
# Common Chinese characters only: nothing in them that normalising would change.
_PLAIN_NAME = re.compile(r"[\u4e00-\u9fa5]{2,30}")
_PLAIN_DOCUMENT = re.compile(r"[1-9][0-9]{16}[0-9X]")
_PLAIN_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLAIN_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_PLAIN_ADDRESS = re.compile(rf"[\u4e00-\u9fa50-9A-Za-z#()（）-]{{1,{MAX_ADDRESS}}}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_CHOICES = tuple(
    (field, frozenset(choices))
    for field, choices in (("education", EDUCATION), ("household", HOUSEHOLD), ("grade", GRADE), ("post", POST))
)


@dataclass(slots=True)
class LegacyMember:
    """A sound line. ``union_id`` is None for who has no union."""

    line: int
    number: str
    union_id: int | None
    kind: MemberKind
    left_reason: OutReason | None
    name: str
    document_type: str
    document_number: str
    document_expiry: date | None
    nationality: str | None
    sex: str
    birth_date: date
    mobile: str
    address: str
    education: str
    household: str
    grade: str
    post: str


def read_line(line: int, cells: Mapping[str, str], unions: Mapping[str, int], today: date) -> LegacyMember | Reject:
    """The member, or everything that is wrong with the line. ``unions`` has the ids of unions by code."""
    own = _own_columns(line, cells, unions)
    if isinstance(own, Reject):
        return own
    try:
        expiry = _expiry(cells.get("document_expiry", ""))
    except ValueError:
        return Reject(line, "document_expiry", "证件到期日不是有效日期", "请按 2030-01-31 的格式填写，长期有效填“长期”")
    plain = _plain(line, cells, own, expiry, today)
    return plain if plain is not None else _checked(line, cells, own, expiry, today)


@dataclass(slots=True)
class _Own:
    """What only this file has."""

    number: str
    union_id: int | None
    kind: MemberKind
    left_reason: OutReason | None


def _own_columns(line: int, cells: Mapping[str, str], unions: Mapping[str, int]) -> _Own | Reject:
    number, code = cells["number"].strip(), cells["union_code"].strip()
    kind = _KINDS.get(cells.get("kind", "").strip())
    reason_cell = cells.get("left_reason", "").strip()
    reason = _REASONS.get(reason_cell)
    union_id = unions.get(code)
    if not _NUMBER.fullmatch(number):
        return Reject(line, "number", "会员编号不是 10 位数字", "请填写 10 位会员编号，保留开头的 0")
    if code and union_id is None:
        return Reject(line, "union_code", "没有编码为此的基层工会", "请核对编码，或先加载组织文件")
    if kind is None:
        return Reject(line, "kind", "会员类别不在可选范围内", f"请填写以下之一：{'、'.join(MemberKind)}")
    if reason_cell and (reason is None or code):
        return Reject(line, "left_reason", "转出原因不正确，或会员仍有所属工会", f"可填：{'、'.join(OutReason)}")
    return _Own(number, union_id, kind, reason)


def _expiry(cell: str) -> date | None:
    text = cell.strip()
    if not text:
        return None
    if text in _LONG:
        return LONG_TERM
    found = date.fromisoformat(text) if _PLAIN_DATE.fullmatch(text) else read_date(text)
    if found is None:
        raise ValueError(text)
    return found


def _plain(line: int, cells: Mapping[str, str], own: _Own, expiry: date | None, today: date) -> LegacyMember | None:
    """The member of a line that needs no normalising, else None: the roster's check has to look."""
    document, born = cells["document_number"], cells["birth_date"]
    sound = (
        cells["document_type"] == "居民身份证"
        and _PLAIN_DOCUMENT.fullmatch(document)
        and _CHECKS[sum(map(mul, map(int, document[:17]), _WEIGHTS)) % 11] == document[17]
        and _PLAIN_DATE.fullmatch(born)
        and document[6:14] == born.replace("-", "")
        and cells["sex"] == ("男" if int(document[16]) % 2 else "女")
        and _PLAIN_NAME.fullmatch(cells["name"])
        and _PLAIN_MOBILE.fullmatch(cells["mobile"])
        and _PLAIN_ADDRESS.fullmatch(cells["address"])
        and cells.get("nationality", "") in ("", CHINA)
        and all(cells[field] in choices for field, choices in _CHOICES)
    )
    if not sound:
        return None
    try:
        birth_date = date.fromisoformat(born)
    except ValueError:
        return None
    if not date(1900, 1, 1) <= birth_date <= today:
        return None
    return LegacyMember(
        line=line,
        number=own.number,
        union_id=own.union_id,
        kind=own.kind,
        left_reason=own.left_reason,
        name=cells["name"],
        document_type=DocumentType.RESIDENT_IDENTITY_CARD.value,
        document_number=document,
        document_expiry=expiry,
        nationality=CHINA,
        sex=Sex.MALE.value if cells["sex"] == "男" else Sex.FEMALE.value,
        birth_date=birth_date,
        mobile=cells["mobile"],
        address=cells["address"],
        education=cells["education"],
        household=cells["household"],
        grade=cells["grade"],
        post=cells["post"],
    )


def _checked(line: int, cells: Mapping[str, str], own: _Own, expiry: date | None, today: date) -> LegacyMember | Reject:
    row, errors = read_row(line, {field: cells.get(field.value, "") for field in _ROSTER}, today)
    if row is None:
        return _together(line, errors)
    return LegacyMember(
        line=line,
        number=own.number,
        union_id=own.union_id,
        kind=own.kind,
        left_reason=own.left_reason,
        name=row.name,
        document_type=row.document.type.value,
        document_number=row.document.number,
        document_expiry=expiry,
        nationality=row.nationality or default_nationality(row.document.type),
        sex=row.sex.value,
        birth_date=row.birth_date,
        mobile=row.mobile,
        address=row.address,
        education=row.education,
        household=row.household,
        grade=row.grade,
        post=row.post,
    )


def _together(line: int, errors: list[RowError]) -> Reject:
    """Every fault of a line in one reject."""
    columns = dict.fromkeys(_NAME_OF[error.field] for error in errors)
    reasons, remedies = [error.reason for error in errors], dict.fromkeys(error.remedy for error in errors)
    return Reject(line, "、".join(columns), "；".join(reasons), "；".join(remedies))
