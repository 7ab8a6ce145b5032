"""What the demo's season must come to, worked out by hand from ``rates.csv`` and the splits; and what it came to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table

from unioncard.money import Fen, format_yuan
from unioncard_cli.place import StackError


@dataclass(frozen=True, slots=True)
class Sum:
    """A batch's money in fen, and how it ended."""

    heads: int
    fee: int
    subsidy: int
    district: int
    union: int
    due: int
    received: int
    state: str


# By district and calendar. A head of class A, full year, is 26.00, of which the federation pays 13.00, the district
# 3.00, the union 10.00; the others likewise. Due from the district: district + union.
BY_HAND: Mapping[tuple[str, str], Sum] = {
    # 984 x 26.00 = 25,584.00; 984 x 13.00 = 12,792.00; 984 x 3.00 = 2,952.00; 984 x 10.00 = 9,840.00
    ("801", "centralized"): Sum(984, 25_584_00, 12_792_00, 2_952_00, 9_840_00, 12_792_00, 12_792_00, "written_off"),
    # B, after one of 20 was taken off: 19 x 90.00 = 1,710.00; x 40.00 = 760.00; x 20.00 = 380.00; x 30.00 = 570.00
    # 380.00 + 570.00 = 950.00, paid as 940.00 and 10.00
    ("802", "centralized"): Sum(19, 1_710_00, 760_00, 380_00, 570_00, 950_00, 950_00, "written_off"),
    # A+: 15 x 76.00 = 1,140.00; 15 x 13.00 = 195.00; 15 x 13.00 = 195.00; 15 x 50.00 = 750.00; nobody paid
    ("803", "centralized"): Sum(15, 1_140_00, 195_00, 195_00, 750_00, 945_00, 0, "voided"),
    # B+, central enterprise: 10 x 140.00 = 1,400.00; x 22.50 = 225.00; x 47.50 = 475.00; x 70.00 = 700.00
    ("502", "centralized"): Sum(10, 1_400_00, 225_00, 475_00, 700_00, 1_175_00, 1_175_00, "written_off"),
    # the late unit, A from February, before 1 July so the full price:
    # 12 x 26.00 = 312.00; 12 x 13.00 = 156.00; 12 x 3.00 = 36.00; 12 x 10.00 = 120.00
    ("801", "instant"): Sum(12, 312_00, 156_00, 36_00, 120_00, 156_00, 156_00, "written_off"),
    # those of the voided batch, as before
    ("803", "instant"): Sum(15, 1_140_00, 195_00, 195_00, 750_00, 945_00, 945_00, "written_off"),
}


def as_found(batches: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Sum]:
    """The same of insurance-svc's batches."""
    found: dict[tuple[str, str], Sum] = {}
    for one in batches:
        key = one["district_code"], one["scheme"]
        if key in found:
            raise StackError(f"district {key[0]} has two batches of {key[1]} enrolment", "look at the batches' list")
        found[key] = Sum(
            one["heads"],
            one["fee_fen"],
            one["subsidy_fen"],
            one["district_fen"],
            one["union_fen"],
            one["due_fen"],
            one["received_fen"],
            one["state"],
        )
    return found


_SCHEMES = {"centralized": "集中", "instant": "即时"}
_STATES = {"written_off": "已核销", "voided": "已作废", "passed": "待缴费", "reviewing": "审核中", "returned": "已退回"}


def table(found: Mapping[tuple[str, str], Sum]) -> Table:
    """Each batch beside what it should be: a column a batch, so that 80 characters hold it to the fen."""
    batches = sorted(BY_HAND.keys() | found.keys(), key=lambda one: (one[1], one[0]))
    shown = Table("", title="2020 年度参保金额（元）", box=box.SIMPLE)
    for district, scheme in batches:
        shown.add_column(f"{district} {_SCHEMES[scheme]}", justify="right", no_wrap=True)
    for name, cell in _ROWS.items():
        shown.add_row(name, *(_beside(found.get(key), BY_HAND.get(key), cell) for key in batches))
    verdicts = ["相符" if found.get(key) == BY_HAND.get(key) else "不符" for key in batches]
    shown.add_row("手算", *verdicts)
    return shown


_ROWS: Mapping[str, Callable[[Sum], str]] = {
    "人数": lambda one: str(one.heads),
    "保费": lambda one: format_yuan(Fen(one.fee)),
    "市总补贴": lambda one: format_yuan(Fen(one.subsidy)),
    "区局": lambda one: format_yuan(Fen(one.district)),
    "基层": lambda one: format_yuan(Fen(one.union)),
    "应缴": lambda one: format_yuan(Fen(one.due)),
    "到账": lambda one: format_yuan(Fen(one.received)),
    "结果": lambda one: _STATES[one.state],
}


def _beside(seen: Sum | None, wanted: Sum | None, cell: Callable[[Sum], str]) -> str:
    """What was found; and below it what it should be, where that is something else."""
    here, there = (cell(one) if one else "无" for one in (seen, wanted))
    return here if here == there else f"{here}\n应 {there}"
