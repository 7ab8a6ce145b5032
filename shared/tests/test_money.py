"""Money in whole fen."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.money import Fen, MoneyError, capital_yuan, format_yuan, parse_yuan


@pytest.mark.parametrize(
    ("raw", "fen"),
    [
        ("6.5", 650),
        ("24", 2400),
        ("0.01", 1),
        ("-0.01", -1),
        ("1,234.05", 123405),
        ("６.５", 650),
        (70, 7000),
        (Decimal("6.50"), 650),
        (Decimal("1E+4"), 1000000),
        ("90071992547409.93", 9007199254740993),  # beyond what a float can tell apart
    ],
)
def test_yuan_to_fen(raw: str | int | Decimal, fen: int) -> None:
    assert parse_yuan(raw) == fen


@pytest.mark.parametrize(
    "raw", ["", "6.505", "6.", ".5", "1,23", "1e3", "6元", "NaN", Decimal("NaN"), Decimal("0.001")]
)
def test_what_is_no_amount(raw: str | Decimal) -> None:
    with pytest.raises(MoneyError) as caught:
        parse_yuan(raw)
    assert caught.value.code == "amount-format"


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, "0.00"), (5, "0.05"), (650, "6.50"), (123405, "1,234.05"), (-5, "-0.05"), (-100, "-1.00")],
)
def test_fen_to_yuan(fen: int, text: str) -> None:
    assert format_yuan(Fen(fen)) == text


@given(st.integers(-(10**15), 10**15))
def test_there_and_back(fen: int) -> None:
    assert parse_yuan(format_yuan(Fen(fen))) == fen


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "零元整"),
        (5, "伍分"),
        (35, "叁角伍分"),
        (100, "壹元整"),
        (650, "陆元伍角整"),
        (1000, "壹拾元整"),
        (32504, "叁佰贰拾伍元零肆分"),
        (140950, "壹仟肆佰零玖元伍角整"),
        (168032, "壹仟陆佰捌拾元叁角贰分"),
        (600714, "陆仟零柒元壹角肆分"),
        (1640902, "壹万陆仟肆佰零玖元零贰分"),
        (10700053, "壹拾万柒仟元伍角叁分"),
        (10070000, "壹拾万零柒佰元整"),
        (100000000, "壹佰万元整"),
        (1000000500, "壹仟万零伍元整"),
        (10000000500, "壹亿零伍元整"),
        (10001000000, "壹亿零壹万元整"),
        (10010000000, "壹亿零壹拾万元整"),
        (10000500000, "壹亿零伍仟元整"),
        (99999999999999, "玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
        (-2600, "负贰拾陆元整"),
    ],
)
def test_fen_in_capitals(fen: int, text: str) -> None:
    assert capital_yuan(Fen(fen)) == text


def test_too_much_for_capitals() -> None:
    with pytest.raises(ValueError, match="too much"):
        capital_yuan(Fen(10**14))
