"""What a bench finds: rows of a table, each with what it was held against."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.machine import Machine


@dataclass(frozen=True, slots=True)
class Target:
    """A limit on a row's value, or on its ratio to the bare baseline."""

    limit: float
    at_least: bool = True
    of_ratio: bool = False

    def met(self, value: float, baseline: float | None) -> bool:
        """Whether the row keeps it."""
        judged = value / baseline if self.of_ratio and baseline else value
        return judged >= self.limit if self.at_least else judged <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {shown(self.limit)}{' of baseline' if self.of_ratio else ''}"


@dataclass(frozen=True, slots=True)
class Row:
    """One measure. ``samples`` are the runs behind the value (a median unless the measure says otherwise)."""

    measure: str
    value: float
    unit: str
    baseline: float | None = None
    target: Target | None = None
    samples: Sequence[float] = ()
    baseline_samples: Sequence[float] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value to baseline."""
        return self.value / self.baseline if self.baseline else None

    @property
    def verdict(self) -> str:
        """OK, MISS, or nothing where there is no target."""
        return "" if self.target is None else "OK" if self.target.met(self.value, self.baseline) else "MISS"


@dataclass(slots=True)
class Findings:
    """The rows of one bench, with the load of the machine while they were taken."""

    bench: str
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    load_before: float = 0.0
    cpu_of_others: float = 0.0
    broke: str = ""


def median(samples: Sequence[float]) -> float:
    """The median of what was measured."""
    return statistics.median(samples)


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample below which this share of them lies (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def shown(value: float) -> str:
    """A number as a reader likes it: three or so significant digits, thousands apart."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.1f}"


def show(console: Console, findings: Sequence[Findings], machine: Machine) -> None:
    """Print the table."""
    table = Table(title=str(machine), title_justify="left")
    for name in ("bench", "measure"):
        table.add_column(name)
    for name in ("value", "baseline", "ratio", "target"):
        table.add_column(name, justify="right")
    table.add_column("")
    for found in findings:
        for number, row in enumerate(found.rows):
            last = number == len(found.rows) - 1
            table.add_row(
                found.bench if number == 0 else "",
                row.measure + (f"\n[dim]{row.note}[/dim]" if row.note else ""),
                f"{shown(row.value)} {row.unit}",
                shown(row.baseline) if row.baseline else "",
                f"{row.ratio:.2f}" if row.ratio else "",
                str(row.target or ""),
                {"OK": "[green]OK", "MISS": "[bold red]MISS"}.get(row.verdict, ""),
                end_section=last,
            )
        if found.broke:
            table.add_row(found.bench, f"[bold red]broke: {found.broke}", "", "", "", "", "[bold red]MISS")
    console.print(table)


def markdown(findings: Sequence[Findings]) -> str:
    """The table for docs/benchmarks.md."""
    lines = [
        "| bench | measure | value | baseline | ratio | target | |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for found in findings:
        for row in found.rows:
            cells = [
                found.bench,
                row.measure + (f" ({row.note})" if row.note else ""),
                f"{shown(row.value)} {row.unit}",
                shown(row.baseline) if row.baseline else "",
                f"{row.ratio:.2f}" if row.ratio else "",
                str(row.target or ""),
                row.verdict,
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_json(path: Path, findings: Sequence[Findings], machine: Machine) -> None:
    """Everything, samples included, for comparing runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_document(findings, machine), indent=1, ensure_ascii=False) + "\n")


def _document(findings: Sequence[Findings], machine: Machine) -> dict[str, Any]:
    return {
        "machine": asdict(machine),
        "benches": [
            {
                **asdict(found),
                "rows": [{**asdict(row), "ratio": row.ratio, "verdict": row.verdict} for row in found.rows],
            }
            for found in findings
        ],
    }
