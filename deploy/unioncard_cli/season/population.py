"""The people of a rehearsal: written as the previous system's files and loaded in bulk, each with a card."""

import csv
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from unioncard_cli.legacy import load_folder
from unioncard_cli.roster import Person, Trait, make_roster
from unioncard_cli.scenery import District
from unioncard_cli.season.plan import Plan
from unioncard_cli.stack import Stack

_MEMBER = (
    "number",
    "union_code",
    "name",
    "document_type",
    "document_number",
    "sex",
    "birth_date",
    "address",
    "mobile",
    "education",
    "household",
    "grade",
    "post",
    "document_expiry",
    "nationality",
)
_CARD = ("member_number", "card_number", "numbered_on")

Member = tuple[str, str, Person]
"""Member number, union's code, and who it is."""


def populate(stack: Stack, plan: Plan, districts: Sequence[District], members: int, seed: int) -> None:
    """``members`` people with cards in every union, whose numbers were made long before the season."""
    folder = stack.place.state / "population"
    folder.mkdir(parents=True, exist_ok=True)
    everybody = list(_everybody(plan, districts, members, seed))
    made_on = date(plan.dates.year - 2, 3, 1)
    _write(folder / "members.csv", _MEMBER, ((number, union, *one.cells()) for number, union, one in everybody))
    cards = ((number, f"6230{place:012d}", made_on.isoformat()) for place, (number, *_) in enumerate(everybody))
    _write(folder / "cards.csv", _CARD, cards)
    load_folder(stack, folder, folder / "rejects")


def _everybody(plan: Plan, districts: Sequence[District], members: int, seed: int) -> Iterator[Member]:
    """Union by union, as the loader likes it best."""
    serials = dict.fromkeys(range(len(districts)), 0)
    for place, one in enumerate(sorted(plan.unions, key=lambda one: (one.district, one.number))):
        district = districts[one.district]
        for person in make_roster(seed * 10_000 + place, [Trait.ORDINARY] * members):
            serials[one.district] += 1
            yield f"{district.code}{serials[one.district]:07d}", district.union(one.number), person


def _write(path: Path, header: Sequence[str], rows: Iterator[tuple[str, ...]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
