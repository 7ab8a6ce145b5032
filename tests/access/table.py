"""Reads the table of expectations."""

import csv
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).parent / "table.csv"
EXPECTATIONS = ("yes", "none", "401", "403", "404")


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint, and what each caller is to get from it."""

    service: str
    method: str
    path: str
    expected: dict[str, str]

    @property
    def endpoint(self) -> tuple[str, str, str]:
        """What names it in the code."""
        return self.service, self.method, self.path

    def __str__(self) -> str:
        return f"{self.service} {self.method} {self.path}"


def read_table() -> list[Line]:
    """Every line of the table; cells of another kind are refused."""
    text = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    lines = []
    for row in csv.DictReader(text, skipinitialspace=True, strict=True):
        service, method, path, *_ = row.values()
        expected = {name: cell for name, cell in row.items() if name not in ("service", "method", "path")}
        assert all(cell in EXPECTATIONS for cell in expected.values()), (service, method, path)
        lines.append(Line(service, method, path, expected))
    return lines
