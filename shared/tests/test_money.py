"""Money in whole fen."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unioncard.money import Fen, MoneyError, format_yuan, parse_yuan


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
