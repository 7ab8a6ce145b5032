"""The demo's money as worked out by hand, against the prices that come with the service; vouchers and statements."""

import csv
from dataclasses import replace
from datetime import date
from io import StringIO

import pytest
from rich.console import Console

from unioncard_cli.demo import money
from unioncard_cli.demo.money import BY_HAND
from unioncard_cli.season.acts import Movement, statement
from unioncard_cli.season.opening import SEASONS
from unioncard_cli.season.shares import CENTRAL_SHARES, SHARES
from unioncard_cli.season.voucher import png


def _rates() -> dict[tuple[str, str], tuple[int, int, int]]:
    """(fee, subsidy, subsidy of central enterprises) in fen."""
    with open(SEASONS / "rates.csv", encoding="utf-8") as file:
        return {
            (row["class"], row["term"]): (
                round(float(row["fee_yuan"]) * 100),
                round(float(row["subsidy_yuan"]) * 100),
                round(float(row["central_enterprise_subsidy_yuan"]) * 100),
            )
            for row in csv.DictReader(file)
            if row["coverage_year"] == "2020"
        }


def test_shares_are_what_the_subsidy_leaves() -> None:
    for (key, (fee, subsidy, central)), count in zip(sorted(_rates().items()), range(8), strict=True):
        assert sum(SHARES[key]) == fee - subsidy, count
        assert sum(CENTRAL_SHARES[key]) == fee - central
    assert set(SHARES) == set(CENTRAL_SHARES) == set(_rates())


@pytest.mark.parametrize("key", BY_HAND)
def test_the_table_by_hand_adds_up(key: tuple[str, str]) -> None:
    one = BY_HAND[key]
    assert one.fee == one.subsidy + one.district + one.union
    assert one.due == one.district + one.union
    assert one.received == (0 if one.state == "voided" else one.due)


def test_what_was_found_is_put_beside_it() -> None:
    row = {
        "district_code": "802",
        "scheme": "centralized",
        "heads": 19,
        "fee_fen": 171000,
        "subsidy_fen": 76000,
        "district_fen": 38000,
        "union_fen": 57000,
        "due_fen": 95000,
        "received_fen": 95000,
        "state": "written_off",
    }
    found = money.as_found([row])
    assert found[("802", "centralized")] == BY_HAND[("802", "centralized")]


def test_the_table_is_whole_in_80_characters() -> None:
    """Also where it goes into a file. What is not as worked out by hand stands beside what should be."""
    found = {**BY_HAND, ("802", "centralized"): replace(BY_HAND[("802", "centralized")], received=940_00)}
    paper = StringIO()
    Console(width=80, file=paper).print(money.table(found))
    lines = paper.getvalue().splitlines()
    amounts = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert amounts["保费"] == ["1,400.00", "25,584.00", "1,710.00", "1,140.00", "312.00", "1,140.00"]
    assert amounts["到账"] == ["1,175.00", "12,792.00", "940.00", "0.00", "156.00", "945.00"]
    assert amounts["应"] == ["950.00"]
    assert amounts["手算"] == ["相符", "相符", "不符", "相符", "相符", "相符"]


def test_a_statement_is_what_the_counter_writes() -> None:
    line = Movement("20200110-0001", date(2020, 1, 10), 94_000, "样本区总工会", "会员保障 CB201912280002")
    text = statement([line]).decode("gb18030")
    assert text == (
        "流水号,起息日,金额,付款人,附言\r\n20200110-0001,2020-01-10,940.00,样本区总工会,会员保障 CB201912280002\r\n"
    )


def test_a_voucher_is_a_picture() -> None:
    assert png(1).startswith(b"\x89PNG\r\n\x1a\n")
    assert png(1) != png(2)
