"""Every row of rates.csv × way × term × kind of enterprise × split, worked out by hand."""

import csv
from collections.abc import Iterator
from datetime import date, datetime

from insurance_svc.enrolments.ground import Wanted, ground_of, prices_of
from insurance_svc.enrolments.rules import Sums, Term, Way, sums
from insurance_svc_testing import SAMPLES, Trial
from insurance_svc_testing.submissions import split
from unioncard.contracts.insurance import Scheme
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, SIBLING, STRANGER, UNION

# In fen a head: fee, subsidy, the district's default split (district, union), and the split of one union (district,
# union). Central enterprises (True) are subsidised less, so district and union carry more. 2014 gives no subsidy.
BY_HAND = {
    (2014, "BASIC", "full", False): (2400, 0, (1000, 1400), (0, 2400)),
    (2014, "BASIC", "full", True): (2400, 0, (1200, 1200), (2400, 0)),
    (2014, "BASIC", "half", False): (1200, 0, (500, 700), (0, 1200)),
    (2014, "BASIC", "half", True): (1200, 0, (600, 600), (1200, 0)),
    (2019, "A", "full", False): (2400, 1200, (500, 700), (0, 1200)),
    (2019, "A", "full", True): (2400, 600, (900, 900), (1800, 0)),
    (2019, "A", "half", False): (1200, 600, (250, 350), (0, 600)),
    (2019, "A", "half", True): (1200, 300, (450, 450), (900, 0)),
    (2019, "B", "full", False): (7000, 3000, (1500, 2500), (0, 4000)),
    (2019, "B", "full", True): (7000, 1800, (2600, 2600), (5200, 0)),
    (2019, "B", "half", False): (3500, 1500, (750, 1250), (0, 2000)),
    (2019, "B", "half", True): (3500, 900, (1300, 1300), (2600, 0)),
    (2020, "A", "full", False): (2600, 1300, (500, 800), (0, 1300)),
    (2020, "A", "full", True): (2600, 650, (975, 975), (1950, 0)),
    (2020, "A", "half", False): (1300, 650, (250, 400), (0, 650)),
    (2020, "A", "half", True): (1300, 300, (500, 500), (1000, 0)),
    (2020, "A+", "full", False): (7600, 1300, (3000, 3300), (0, 6300)),
    (2020, "A+", "full", True): (7600, 650, (3475, 3475), (6950, 0)),
    (2020, "A+", "half", False): (3800, 650, (1500, 1650), (0, 3150)),
    (2020, "A+", "half", True): (3800, 300, (1750, 1750), (3500, 0)),
    (2020, "B", "full", False): (9000, 4000, (2000, 3000), (0, 5000)),
    (2020, "B", "full", True): (9000, 2250, (3375, 3375), (6750, 0)),
    (2020, "B", "half", False): (4500, 2000, (1000, 1500), (0, 2500)),
    (2020, "B", "half", True): (4500, 1100, (1700, 1700), (3400, 0)),
    (2020, "B+", "full", False): (14000, 4000, (4000, 6000), (0, 10000)),
    (2020, "B+", "full", True): (14000, 2250, (5875, 5875), (11750, 0)),
    (2020, "B+", "half", False): (7000, 2000, (2000, 3000), (0, 5000)),
    (2020, "B+", "half", True): (7000, 1100, (2950, 2950), (5900, 0)),
}

CENTRAL_UNION, ITS_DISTRICT = STRANGER, OTHER_DISTRICT


def ways(year: int, term: str) -> Iterator[tuple[Scheme, Way, str]]:
    """The ways in which that term can be had, each with a moment at which it is."""
    if year == 2014:
        way, moment = (Way.CENTRALIZED, "2014-05-20") if term == "full" else (Way.NO_COVER, "2014-08-20")
        yield Scheme.REGISTRATION, way, moment
        return
    if term == "full":
        yield Scheme.CENTRALIZED, Way.CENTRALIZED, f"{year - 1}-11-20"
    moment = f"{year}-03-20" if term == "full" else f"{year}-08-20"
    yield Scheme.INSTANT, Way.NEWLY_ISSUED, moment
    yield Scheme.INSTANT, Way.NO_COVER, moment
    yield Scheme.PERSONAL, Way.PERSONAL, moment


async def load_everything(trial: Trial) -> None:
    """The seasons, both splits of each row, and a district of central enterprises."""
    await trial.load_seasons()
    for year in (2014, 2019, 2020):
        await trial.run(
            "INSERT INTO central_enterprises (coverage_year, district_code, name, source)"
            " VALUES (:year, '007', '样本', 'test') ON CONFLICT DO NOTHING",
            year=year,
        )
    for (year, class_code, term, central), (_, _, default, own) in BY_HAND.items():
        district = ITS_DISTRICT if central else DISTRICT
        valid = (date(2014, 7, 1), date(2015, 6, 30)) if year == 2014 else None
        for union, (district_fen, union_fen) in ((0, default), (CENTRAL_UNION if central else SIBLING, own)):
            await split(
                trial,
                district_fen,
                union_fen,
                class_code=class_code,
                term=term,
                central=central,
                union_id=union,
                district_id=district,
                year=year,
                valid=valid,
            )


async def priced(trial: Trial, wanted: Wanted, term: str, moment: str) -> Sums:
    """What three heads come to."""
    now = datetime.fromisoformat(f"{moment}T12:00:00+08:00")
    async with trial.context.engine.connect() as conn:
        ground = await ground_of(conn, wanted, now, 30)
        prices = await prices_of(conn, ground, wanted, [Term(term)])
    return sums(prices, {Term(term): 3})


async def test_every_rate_in_every_way(trial: Trial) -> None:
    await load_everything(trial)
    checked = 0
    for (year, class_code, term, central), (fee, subsidy, default, own) in BY_HAND.items():
        # Of the central district its one union has a split of its own; the other district has one without.
        unions = {CENTRAL_UNION: own} if central else {UNION: default, SIBLING: own}
        for scheme, way, moment in ways(year, term):
            for union, (district_fen, union_fen) in unions.items():
                found = await priced(trial, Wanted(union, scheme, way, year, class_code, None), term, moment)
                if way is Way.PERSONAL:
                    # Members who enrol alone are no enterprise: subsidised as everybody, the rest is theirs.
                    common = BY_HAND[year, class_code, term, False][1]
                    expected = Sums(3, 3 * fee, 3 * common, 0, 3 * (fee - common))
                else:
                    expected = Sums(3, 3 * fee, 3 * subsidy, 3 * district_fen, 3 * union_fen)
                assert found == expected, (year, class_code, term, central, way, union)
                checked += 1
    # Without its own split the central union has its district's.
    await trial.run("DELETE FROM fee_splits WHERE union_id = :union", union=CENTRAL_UNION)
    for (year, class_code, term, central), (fee, subsidy, (district_fen, union_fen), _) in BY_HAND.items():
        for scheme, way, moment in ways(year, term):
            if central and way is not Way.PERSONAL:
                found = await priced(trial, Wanted(CENTRAL_UNION, scheme, way, year, class_code, None), term, moment)
                assert found == Sums(3, 3 * fee, 3 * subsidy, 3 * district_fen, 3 * union_fen)
                checked += 1
    # 88 of two ordinary unions, 44 of the central one with its own split, 32 of it without.
    assert checked == 88 + 44 + 32


def test_every_row_of_the_sheet_is_in_the_table() -> None:
    with (SAMPLES / "rates.csv").open(encoding="utf-8", newline="") as sheet:
        rows = {(int(row["coverage_year"]), row["class"], row["term"]) for row in csv.DictReader(sheet)}
    assert {key[:3] for key in BY_HAND} == rows


def test_the_table_adds_up() -> None:
    for fee, subsidy, *splits in BY_HAND.values():
        assert all(subsidy + district + union == fee for district, union in splits)
