"""What each sound row means for the members as they are: new, changed, coming back, or a fault. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from member_svc.imports.columns import Field
from member_svc.imports.rules import MemberRow, default_nationality
from unioncard.contracts.cards import CardState
from unioncard.contracts.members import MemberState
from unioncard.problems import RowError

# The document number may change only while there is no card, or the last try failed (G19 22).
DOCUMENT_MAY_CHANGE = frozenset({CardState.NONE, CardState.FAILED})


class ItemKind(StrEnum):
    """What an item asks for."""

    NEW = "new"
    CHANGE = "change"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Stored:
    """A member as stored, opened. ``values`` has the fields of :func:`values_of`."""

    id: int
    union_id: int | None
    number: str | None
    state: MemberState
    card_state: CardState
    waiting: bool
    document_hash: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A row that asks for something. ``changes`` are plain values by field; all of them for a new member."""

    row: MemberRow
    kind: ItemKind
    stored: Stored | None
    changes: dict[str, Any]


@dataclass(slots=True)
class Plan:
    """What a whole sheet asks for."""

    asked: list[Asked] = field(default_factory=list)
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)

    def count(self, kind: ItemKind) -> int:
        """Rows of one kind."""
        return sum(one.kind is kind for one in self.asked)


def values_of(row: MemberRow) -> dict[str, Any]:
    """The row's values by field of the members table; optional cells left empty are left out."""
    values: dict[str, Any] = {
        "name": row.name,
        "document_type": row.document.type.value,
        "document_number": row.document.number,
        "document_expiry": row.document_expiry,
        "nationality": row.nationality,
        "sex": row.sex.value,
        "birth_date": row.birth_date,
        "mobile": row.mobile,
        "address": row.address,
        "education": row.education,
        "household": row.household,
        "grade": row.grade,
        "post": row.post,
    }
    return {name: value for name, value in values.items() if value is not None}


def match(
    rows: Sequence[MemberRow], hashes: Mapping[int, Sequence[str]], stored: Sequence[Stored], union_id: int
) -> Plan:
    """The plan of a union's sheet. ``hashes`` has, by line, what the row's document may be stored as."""
    by_hash = {one.document_hash: one for one in stored}
    by_number = {one.number: one for one in stored if one.number}
    plan = Plan()
    lines_of: dict[int, list[MemberRow]] = {}
    for row in rows:
        same_document = next((by_hash[h] for h in hashes[row.line] if h in by_hash), None)
        named = by_number.get(row.number) if row.number else None
        error = _fault(row, named, same_document, union_id)
        if error is not None:
            plan.errors.append(error)
            continue
        member = named or same_document
        if member is not None:
            lines_of.setdefault(member.id, []).append(row)
        _ask(plan, row, member, union_id)
    plan.errors.extend(_same_member(lines_of))
    return plan


def _fault(row: MemberRow, named: Stored | None, same_document: Stored | None, union_id: int) -> RowError | None:
    if row.number:
        if named is None or named.union_id not in (union_id, None):
            return row.error(Field.NUMBER, "本工会没有这个会员编号", "请核对会员编号；新会员请将该列留空")
        if same_document is not None and same_document.id != named.id:
            return row.error(Field.DOCUMENT_NUMBER, "证件号码已登记在另一会员名下", "请核对会员编号和证件号码")
    member = named or same_document
    if member is None:
        return None
    return _not_ours(row, member, union_id) or _not_now(row, member, same_document)


def _not_ours(row: MemberRow, member: Stored, union_id: int) -> RowError | None:
    if member.union_id is None:
        # Whoever knows a number must not take over its holder: name and number must both match (C20).
        if member.values["name"] != row.name:
            return row.error(Field.NAME, "姓名与系统登记的不一致", "请核对姓名和证件号码")
        return None
    if member.union_id == union_id:
        return None
    if member.state is MemberState.PENDING:
        return row.error(
            Field.DOCUMENT_NUMBER, "该会员已由其他工会提交，正在等待审核", "请与会员核实；待审核结束后再办理转入"
        )
    remedy = "请删除此行；须先由原工会办理会员转出，转出后再导入"
    return row.error(Field.DOCUMENT_NUMBER, "该会员已在其他工会登记", remedy)


def _not_now(row: MemberRow, member: Stored, same_document: Stored | None) -> RowError | None:
    if member.state is MemberState.PENDING:
        return row.error(Field.DOCUMENT_NUMBER, "该会员的新增正在等待审核", "请删除此行，待上级工会审核后再修改")
    if member.waiting:
        return row.error(Field.DOCUMENT_NUMBER, "该会员已有变更正在等待审核", "请删除此行，待上级工会审核后再修改")
    if member.state is MemberState.IN_TRANSFER:
        return row.error(Field.DOCUMENT_NUMBER, "该会员正在办理转出", "请删除此行，待转出审核结束后再修改")
    if same_document is None and member.card_state not in DOCUMENT_MAY_CHANGE:
        return row.error(
            Field.DOCUMENT_NUMBER,
            "该会员已办卡或正在办卡，证件号码不能修改",
            "请恢复原证件号码；未办卡或办卡失败的会员才能修改",
        )
    return None


def _ask(plan: Plan, row: MemberRow, member: Stored | None, union_id: int) -> None:
    values = values_of(row)
    if member is None:
        values.setdefault("nationality", default_nationality(row.document.type))
        plan.asked.append(Asked(row, ItemKind.NEW, None, values))
        return
    changes = {name: value for name, value in values.items() if member.values[name] != value}
    if member.union_id != union_id:
        plan.asked.append(Asked(row, ItemKind.RETURN, member, changes))
    elif changes:
        plan.asked.append(Asked(row, ItemKind.CHANGE, member, changes))
    else:
        plan.unchanged += 1


def _same_member(lines_of: Mapping[int, Sequence[MemberRow]]) -> list[RowError]:
    """Rows with different numbers that are one member: one names the member number, the other the document."""
    errors: list[RowError] = []
    for rows in lines_of.values():
        if len(rows) < 2 or len({(row.document.type, row.document.number) for row in rows}) == 1:
            continue  # one row, or already reported as the same document twice
        lines = "、".join(str(row.line) for row in rows)
        errors.extend(
            row.error(Field.NUMBER, f"第 {lines} 行是同一会员", "同一会员只保留一行，请删除重复的行") for row in rows
        )
    return errors
