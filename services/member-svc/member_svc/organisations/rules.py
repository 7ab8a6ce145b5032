"""What a line of an organisations file must be (domain 1, 2). Columns are ours; see the service's README."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from unioncard.contracts.members import OrganisationKind, OrganisationLevel
from unioncard.documents import DocumentError, normalise_credit_code
from unioncard.names import PersonNameError, normalise_name
from unioncard.text import single_spaces

COLUMNS = (
    "code",
    "parent_code",
    "level",
    "kind",
    "district_code",
    "name",
    "central_enterprise",
    "credit_code",
    "head_name",
    "head_phone",
)

# Which level may stand directly below which (domain 1): the second level is optional.
PARENTS: dict[OrganisationLevel, tuple[OrganisationLevel, ...]] = {
    OrganisationLevel.FEDERATION: (),
    OrganisationLevel.DISTRICT: (OrganisationLevel.FEDERATION,),
    OrganisationLevel.SECOND_LEVEL: (OrganisationLevel.DISTRICT,),
    OrganisationLevel.UNION: (OrganisationLevel.DISTRICT, OrganisationLevel.SECOND_LEVEL),
}
DISTRICT_KINDS = (OrganisationKind.DISTRICT, OrganisationKind.BUREAU, OrganisationKind.INDUSTRY)

_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_PHONE = re.compile(r"[0-9+() -]{5,30}")
Wrong = Callable[[str, str, str], None]
_YES_NO = {"": False, "0": False, "no": False, "否": False, "1": True, "yes": True, "是": True}


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is wrong with a line of a file, and how to mend it."""

    line: int
    column: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"第 {self.line} 行，列 {self.column}：{self.reason}；{self.remedy}"


@dataclass(frozen=True, slots=True)
class OrganisationLine:
    """A sound line. ``kind`` and ``district_code`` only where the file must say them: at districts."""

    line: int
    code: str
    parent_code: str | None
    level: OrganisationLevel
    kind: OrganisationKind | None
    district_code: str | None
    name: str
    marked_central: bool
    credit_code: str | None
    head_name: str | None
    head_phone: str | None


def read_line(line: int, cells: Mapping[str, str | None]) -> tuple[OrganisationLine | None, list[BadLine]]:
    """The line, or everything that is wrong with it."""
    text = {column: single_spaces(cells.get(column) or "") for column in COLUMNS}
    bad: list[BadLine] = []

    def wrong(column: str, reason: str, remedy: str) -> None:
        bad.append(BadLine(line, column, reason, remedy))

    if not _CODE.fullmatch(text["code"]):
        wrong("code", "组织编码为空或含有不允许的字符", "请填写 1 至 40 位字母、数字、点、下划线或连字符")
    if text["parent_code"] and not _CODE.fullmatch(text["parent_code"]):
        wrong("parent_code", "上级组织编码含有不允许的字符", "请填写上级组织的 code")
    if not 0 < len(text["name"]) <= 100:
        wrong("name", "名称为空或超过 100 个字符", "请填写组织全称")
    if text["central_enterprise"].lower() not in _YES_NO:
        wrong("central_enterprise", "是否央企的取值不正确", "请填写 1 或 0")
    if text["level"] not in set(OrganisationLevel):
        wrong("level", "组织级别不正确", "请填写 federation、district、second_level 或 union")
        return None, bad
    level = OrganisationLevel(text["level"])
    _check_place(level, text, wrong)
    credit_code = _read(text["credit_code"], normalise_credit_code, "credit_code", wrong)
    head_name = _read(text["head_name"], normalise_name, "head_name", wrong)
    if text["head_phone"] and not _PHONE.fullmatch(text["head_phone"]):
        wrong("head_phone", "负责人电话不正确", "请填写 5 至 30 位数字，可含区号和连字符")
    if bad:
        return None, bad
    return OrganisationLine(
        line=line,
        code=text["code"],
        parent_code=text["parent_code"] or None,
        level=level,
        kind=OrganisationKind(text["kind"]) if text["kind"] else None,
        district_code=text["district_code"] or None,
        name=text["name"],
        marked_central=_YES_NO[text["central_enterprise"].lower()],
        credit_code=credit_code,
        head_name=head_name,
        head_phone=text["head_phone"] or None,
    ), []


def _check_place(level: OrganisationLevel, text: Mapping[str, str], wrong: Wrong) -> None:
    if (level is OrganisationLevel.FEDERATION) == bool(text["parent_code"]):
        if text["parent_code"]:
            wrong("parent_code", "市总工会没有上级组织", "请将该列留空")
        else:
            wrong("parent_code", "缺少上级组织编码", "请填写上级组织的 code")
    if level is OrganisationLevel.DISTRICT:
        if text["kind"] not in DISTRICT_KINDS:
            wrong("kind", "区局（产业）工会的类别不正确", "请填写 district（区）、bureau（局）或 industry（产业）")
        if not re.fullmatch(r"[0-9]{3}", text["district_code"]):
            wrong("district_code", "区局编号不是三位数字", "请填写三位数字的区局编号")
        return
    for column in ("kind", "district_code"):
        if text[column]:
            wrong(column, "仅区局（产业）工会填写该列", "请将该列留空，系统按所属区局填入")


def _read(text: str, parse: Callable[[str], str], column: str, wrong: Wrong) -> str | None:
    if not text:
        return None
    try:
        return parse(text)
    except (DocumentError, PersonNameError) as error:
        wrong(column, error.reason_zh, error.remedy_zh)
        return None
