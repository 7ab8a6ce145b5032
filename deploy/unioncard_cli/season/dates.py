"""A campaign's days as the season's files have them, and what a head costs: what a rehearsal is planned by."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from unioncard.dates import SHANGHAI
from unioncard_cli.place import StackError
from unioncard_cli.season.acts import SCHEME, Split


@dataclass(frozen=True, slots=True)
class Dates:
    """The days a campaign turns on, all included: each is a whole day in Shanghai."""

    year: int
    split_first: date
    window_first: date
    window_last: date
    submission_first: date
    submission_last: date
    union_payment_last: date
    payment_last: date

    @property
    def eve(self) -> date:
        """The day before anything happens."""
        return self.split_first - timedelta(days=1)


def dates_of(folder: Path, year: int) -> Dates:
    """From ``calendars.csv``. Raises :class:`StackError` naming what the calendar lacks."""
    rows = {
        row["phase"]: row
        for row in _rows(folder / "calendars.csv")
        if row["scheme"] == SCHEME and row["coverage_year"] == str(year)
    }

    def day(phase: str, end: str) -> date:
        text = rows.get(phase, {}).get(end)
        if not text:
            raise StackError(
                f"the calendar of {year} has no {end} of {phase}",
                f"complete {folder / 'calendars.csv'}, or name another folder with --season",
            )
        return date.fromisoformat(text)

    return Dates(
        year=year,
        split_first=day("fee_split", "first_day"),
        window_first=day("union_window", "first_day"),
        window_last=day("union_window", "last_day"),
        submission_first=day("district_submission", "first_day"),
        submission_last=day("district_submission", "last_day"),
        union_payment_last=day("union_payment", "last_day"),
        payment_last=day("payment", "last_day"),
    )


def shares_of(folder: Path, year: int) -> Mapping[tuple[str, str], Split]:
    """By class and term, a split in fen: a quarter of what the subsidy leaves is the district's, the rest the union's.

    Prices come from ``rates.csv``; nobody in a rehearsal is a central enterprise.
    """
    found: dict[tuple[str, str], Split] = {}
    for row in _rows(folder / "rates.csv"):
        if row["coverage_year"] == str(year):
            rest = _fen(row["fee_yuan"]) - _fen(row["subsidy_yuan"])
            found[row["class"], row["term"]] = (rest // 4, rest - rest // 4)
    if not found:
        raise StackError(f"there are no prices for {year}", f"complete {folder / 'rates.csv'}")
    return found


def at(day: date, clock: str) -> datetime:
    """``at(day, "09:00")``: that moment in Shanghai."""
    return datetime.combine(day, time.fromisoformat(clock), SHANGHAI)


def _fen(yuan: str) -> int:
    return int(Decimal(yuan or "0") * 100)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        raise StackError(f"{path} is missing", "a season's folder holds calendars.csv and rates.csv")
    with open(path, encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
