"""What a row must be, field by field: values by hand from domain 3 and the add form (C20)."""

from datetime import date

import pytest

from member_svc.imports.columns import BY_FIELD, COLUMNS, ROSTER, match_headers
from member_svc.imports.rules import MemberRow, read_date, read_row
from member_svc_testing.rosters import Cell, identity_number, person
from unioncard.problems import RowError

TODAY = date(2020, 6, 15)

WRONG_CHECK = identity_number(1)[:17] + ("1" if identity_number(1)[17] != "1" else "2")

# What differs from a sound row → the column at fault and words of the reason.
ROWS: dict[str, tuple[dict[str, Cell], str, str]] = {
    "no name": ({"姓名": None}, "姓名", "为空"),
    "digits in a name": ({"姓名": "张3"}, "姓名", "数字"),
    "unknown document": ({"证件类型": "驾驶证"}, "证件类型", "不支持"),
    "wrong check digit": ({"证件号码": WRONG_CHECK}, "证件号码", "校验位"),
    "number cell": ({"证件号码": 3.10101198001011e17}, "证件号码", "数字格式"),
    "number cell as text": ({"证件号码": "3.10101198001011E+17"}, "证件号码", "科学计数法"),
    "sex disagrees": ({"性别": "女"}, "性别", "不一致"),
    "birth disagrees": ({"出生日期": "1970-01-02"}, "出生日期", "不一致"),
    "birth is none": ({"出生日期": "1970-02-30"}, "出生日期", "不是有效日期"),
    "birth as serial number": ({"出生日期": 25569.0}, "出生日期", "不是有效日期"),
    "no address": ({"联系地址": "  "}, "联系地址", "为空"),
    "no mobile": ({"移动电话": "021-12345678"}, "移动电话", "不正确"),
    "education not in the list": ({"学历": "博士后"}, "学历", "可选范围"),
    "household empty": ({"户籍类型": None}, "户籍类型", "为空"),
    "grade not in the list": ({"技术等级": "大师"}, "技术等级", "可选范围"),
    "post not in the list": ({"工会职务": "董事长"}, "工会职务", "可选范围"),
    "expired document": ({"证件到期日": "2001-01-01"}, "证件到期日", "已过期"),
    "expiry is none": ({"证件到期日": "永远"}, "证件到期日", "不是有效日期"),
    "unknown nationality": ({"国籍": "火星"}, "国籍", "不正确"),
    "resident of another nation": ({"国籍": "新加坡"}, "国籍", "应为中国"),
    "member number as number": ({"会员编号": 3630000009}, "会员编号", "数字格式"),
    "member number too short": ({"会员编号": "363"}, "会员编号", "10 位"),
}


def read(**cells: Cell) -> tuple[MemberRow | None, list[RowError]]:
    row = person(1) | cells
    return read_row(7, {column.field: row.get(column.header) for column in COLUMNS}, TODAY)


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_cell_is_named_with_a_remedy(case: str) -> None:
    cells, field, word = ROWS[case]
    row, (error,) = read(**cells)
    assert row is None
    assert (error.line, error.field) == (7, field)
    assert word in error.reason
    assert error.remedy
    number = str(cells.get("证件号码", identity_number(1)))
    assert number not in error.model_dump_json()


def test_every_fault_of_a_row_is_told() -> None:
    _, errors = read(姓名="", 性别="x", 移动电话="1", 学历="", 证件到期日="x")
    assert {error.field for error in errors} == {"姓名", "性别", "移动电话", "学历", "证件到期日"}


@pytest.mark.parametrize(
    "cell",
    [
        "1970-01-02",
        "1970/1/2",
        "1970.01.02",
        "1970年1月2日",
        "19700102",
        19700102.0,
        " １９７０-０１-０２ ",
        date(1970, 1, 2),
    ],
)
def test_days_in_many_forms(cell: Cell) -> None:
    assert read_date(cell) == date(1970, 1, 2)


@pytest.mark.parametrize(
    "cell", ["", None, "1970-13-01", "70-1-2", "2020", 25569.0, True, "1970-01-02 08:00", "0000-01-01"]
)
def test_what_is_no_day(cell: Cell) -> None:
    assert read_date(cell) is None


def test_long_term_documents_expire_on_the_last_day_of_all() -> None:
    """证件到期日: long-term = 9999-12-31 (M24, G19 52)."""
    for text in ("长期", "长期有效", "9999-12-31"):
        row, _ = read(证件到期日=text)
        assert row is not None
        assert row.document_expiry == date(9999, 12, 31)


def test_a_document_is_good_on_its_last_day() -> None:
    assert read(证件到期日="2020-06-15")[0] is not None
    assert read(证件到期日="2020-06-14")[0] is None


def test_optional_cells_may_be_empty() -> None:
    row, errors = read(证件到期日=None, 国籍=" ", 会员编号="")
    assert errors == []
    assert row is not None
    assert (row.document_expiry, row.nationality, row.number) == (None, None, None)


def test_a_mobile_in_a_number_cell_is_taken_since_eleven_digits_survive() -> None:
    row, _ = read(移动电话=13900000001.0)
    assert row is not None
    assert row.mobile == "13900000001"


def test_a_foreigner_needs_no_agreement_with_the_number() -> None:
    row, errors = read(证件类型="护照", 证件号码="e1234 5678", 性别="女", 出生日期="1980-05-06", 国籍="新加坡")
    assert errors == []
    assert row is not None
    assert row.document.number == "E12345678"


def test_headers_and_all_their_synonyms() -> None:
    for column in COLUMNS:
        for name in (column.header, *column.synonyms):
            headers = [name if other is column else other.header for other in COLUMNS]
            found = match_headers([f" *{header}（必填）" for header in headers], ROSTER)
            assert found.fit, name
            assert found.places[column.field] == COLUMNS.index(column)


def test_the_columns_of_the_add_form_are_mandatory() -> None:
    """C20 stars eleven fields; expiry, nationality and member number may stay empty."""
    assert [column.header for column in COLUMNS if not column.required] == ["证件到期日", "国籍", "会员编号"]
    assert len(BY_FIELD) == 14
