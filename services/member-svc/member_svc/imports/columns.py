"""The columns of a roster: their headers, what else sheets in use call them, and the lists to choose from.

The one place that names them; the template, the check and the error sheet follow. Other sheets that members come in
have a :class:`Layout` of their own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from unioncard.documents import DocumentType, Sex
from unioncard.text import half_width, without_spaces


class Field(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    NAME = "name"
    DOCUMENT_TYPE = "document_type"
    DOCUMENT_NUMBER = "document_number"
    SEX = "sex"
    BIRTH_DATE = "birth_date"
    ADDRESS = "address"
    MOBILE = "mobile"
    EDUCATION = "education"
    HOUSEHOLD = "household"
    GRADE = "grade"
    POST = "post"
    DOCUMENT_EXPIRY = "document_expiry"
    NATIONALITY = "nationality"


EDUCATION = ("小学及以下", "初中", "高中", "中专", "技校", "大专", "本科", "硕士", "博士")
HOUSEHOLD = ("非农业", "农业", "居民")
GRADE = (
    "无",
    "初级工",
    "中级工",
    "高级工",
    "技师",
    "高级技师",
    "初级职称",
    "中级职称",
    "副高级职称",
    "正高级职称",
)
POST = ("工会会员", "工会小组长", "工会委员", "经审委员", "女职工委员", "工会副主席", "工会主席", "专职工会干部")


F = TypeVar("F", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Column(Generic[F]):
    """A column of the template. ``choices`` become a drop-down list and are the only values taken."""

    field: F
    header: str
    synonyms: tuple[str, ...] = ()
    required: bool = True
    choices: tuple[str, ...] = ()
    example: str = ""
    note: str = ""
    width: int = 14


COLUMNS: tuple[Column[Field], ...] = (
    Column(Field.NAME, "姓名", ("会员姓名", "名字"), example="张三", note="与证件一致，不加空格"),
    Column(
        Field.DOCUMENT_TYPE,
        "证件类型",
        ("有效证件类型", "证件种类"),
        choices=tuple(kind.label for kind in DocumentType),
        example=DocumentType.RESIDENT_IDENTITY_CARD.label,
        width=22,
    ),
    Column(
        Field.DOCUMENT_NUMBER,
        "证件号码",
        ("证件号", "有效证件号码", "身份证号", "身份证号码"),
        example="110105194912310021",
        note="文本格式；15 位身份证号码自动换算为 18 位",
        width=24,
    ),
    Column(Field.SEX, "性别", choices=tuple(sex.label for sex in Sex), example="女", width=8),
    Column(Field.BIRTH_DATE, "出生日期", ("出生年月日", "生日"), example="1949-12-31", note="如 1990-01-31"),
    Column(Field.ADDRESS, "联系地址", ("地址", "通讯地址"), example="上海市示例路1号", width=36),
    Column(
        Field.MOBILE,
        "移动电话",
        ("手机号", "手机号码", "手机", "联系电话"),
        example="13900000000",
        note="11 位手机号码",
    ),
    Column(Field.EDUCATION, "学历", ("文化程度",), choices=EDUCATION, example="本科"),
    Column(Field.HOUSEHOLD, "户籍类型", ("户籍", "户口类型"), choices=HOUSEHOLD, example="非农业"),
    Column(Field.GRADE, "技术等级", ("技术职称", "技能等级"), choices=GRADE, example="无"),
    Column(Field.POST, "工会职务", ("职务",), choices=POST, example="工会会员"),
    Column(
        Field.DOCUMENT_EXPIRY,
        "证件到期日",
        ("证件有效期", "证件有效期至", "有效期至"),
        required=False,
        example="长期",
        note="可不填；长期有效请填“长期”",
    ),
    Column(
        Field.NATIONALITY, "国籍", ("国籍/地区", "国籍地区"), required=False, example="中国", note="居民身份证可不填"
    ),
    Column(
        Field.NUMBER,
        "会员编号",
        ("编号",),
        required=False,
        note="新会员不填；修改证件号码时必填，10 位",
    ),
)

BY_FIELD = {column.field: column for column in COLUMNS}
TEXT_FIELDS = (Field.DOCUMENT_NUMBER, Field.NUMBER, Field.MOBILE)

ERROR_HEADER = "错误信息"
# Columns that operators keep for themselves, and the one that we added to a sheet sent back.
IGNORED = frozenset({"序号", "备注", ERROR_HEADER})


@dataclass(frozen=True, slots=True)
class Layout(Generic[F]):
    """A kind of sheet: its columns, which of them must stay text, and the headers that are skipped."""

    columns: tuple[Column[F], ...]
    text: tuple[F, ...]
    ignored: frozenset[str] = IGNORED

    def column_called(self, name: str) -> Column[F] | None:
        """The column with this header or synonym."""
        return next((one for one in self.columns if name in (one.header, *one.synonyms)), None)


ROSTER = Layout(COLUMNS, TEXT_FIELDS)


@dataclass(frozen=True, slots=True)
class Headers(Generic[F]):
    """Where each field stands in the sheet (0 is the first column), and what does not fit."""

    places: dict[F, int]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    repeated: tuple[str, ...]

    @property
    def fit(self) -> bool:
        """Whether the sheet can be read."""
        return not (self.missing or self.unknown or self.repeated)


def match_headers(cells: list[str], layout: Layout[F]) -> Headers[F]:
    """Find the columns by name, in any order; stars, spaces and ``（必填）`` around a name do not matter."""
    places: dict[F, int] = {}
    unknown: list[str] = []
    repeated: list[str] = []
    for position, cell in enumerate(cells):
        name = without_spaces(half_width(cell)).replace("*", "").removesuffix("(必填)").removesuffix("(选填)")
        column = layout.column_called(name)
        if column is None:
            if name and name not in layout.ignored:
                unknown.append(name[:20])
        elif column.field in places:
            repeated.append(column.header)
        else:
            places[column.field] = position
    missing = tuple(one.header for one in layout.columns if one.required and one.field not in places)
    return Headers(places, missing, tuple(unknown), tuple(repeated))
