"""Prices and calendars as the files bring them; expected values by hand from domain 5 and the operators' documents."""

import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from insurance_svc.maintenance import load_season
from insurance_svc.seasons import store
from insurance_svc.seasons.files import BadSeason, read_folder
from insurance_svc.seasons.load import SeasonLoaded
from insurance_svc.seasons.rules import PhaseDays, times
from insurance_svc_testing import SAMPLES, Trial
from unioncard.contracts.insurance import Phase
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, STRANGER, UNION

# Year, class, term: fee, subsidy, subsidy of a central enterprise, in fen (H19 Q70 Q72, C20; I14 gives the fee alone).
PRICES = [
    (2014, "BASIC", "full", 2400, 0, 0, True),
    (2014, "BASIC", "half", 1200, 0, 0, True),
    (2019, "A", "full", 2400, 1200, 600, False),
    (2019, "B", "full", 7000, 3000, 1800, False),
    (2019, "A", "half", 1200, 600, 300, False),
    (2019, "B", "half", 3500, 1500, 900, False),
    (2020, "A", "full", 2600, 1300, 650, False),
    (2020, "B", "full", 9000, 4000, 2250, False),
    (2020, "A+", "full", 7600, 1300, 650, False),
    (2020, "B+", "full", 14000, 4000, 2250, False),
    (2020, "A", "half", 1300, 650, 300, False),
    (2020, "B", "half", 4500, 2000, 1100, False),
    (2020, "A+", "half", 3800, 650, 300, False),
    (2020, "B+", "half", 7000, 2000, 1100, False),
]


async def test_every_price_in_fen(trial: Trial) -> None:
    await trial.load_seasons()
    async with trial.context.engine.connect() as conn:
        found = {year: await store.rates(conn, year) for year in (2014, 2019, 2020, 2021)}
    assert found[2021] == {}
    shown = {
        (one.year, one.class_code, one.term, one.fee_fen, one.subsidy(False), one.subsidy(True), one.assumed)
        for rates in found.values()
        for one in rates.values()
    }
    assert shown == set(PRICES)


async def test_the_campaign_of_2020_day_by_day(trial: Trial) -> None:
    await trial.load_seasons()
    async with trial.context.engine.connect() as conn:
        phases = await store.phases(conn, "centralized", 2020)
        registration = await store.phases(conn, "registration", 2014)
    assert {name: (days.first_day, days.last_day) for name, days in phases.items()} == {
        "fee_split": (date(2019, 10, 25), date(2019, 10, 31)),
        "union_window": (date(2019, 11, 1), date(2019, 12, 27)),
        "district_submission": (date(2019, 12, 28), date(2019, 12, 31)),
        "district_review": (date(2019, 11, 1), date(2019, 12, 31)),
        "union_payment": (None, date(2019, 12, 31)),
        "payment_details": (None, date(2020, 1, 20)),
        "fee_split_validity": (date(2020, 1, 1), date(2020, 12, 31)),
        "payment": (None, date(2020, 1, 20)),
        "card_held_by": (None, date(2019, 12, 31)),
        "coverage": (date(2020, 1, 1), date(2020, 12, 31)),
    }
    # What the 2014 source calls the window is the unions' window (I14).
    assert registration["union_window"] == PhaseDays("union_window", date(2014, 5, 1), date(2014, 6, 30))
    assert registration["coverage_second_half"].first_day == date(2015, 1, 1)
    said = {one.phase: (one.opens_at, one.closes_at) for one in times(phases)}
    # 00:00 in Shanghai is 16:00 in UTC of the day before; the first instant too late is that of the day after.
    assert said[Phase.UNION_WINDOW] == (_utc("2019-10-31T16:00"), _utc("2019-12-27T16:00"))
    assert said[Phase.PAYMENT] == (None, _utc("2020-01-20T16:00"))
    assert list(said) == [one for one in Phase if one in phases]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


@pytest.mark.parametrize(
    ("first", "last", "inside", "outside"),
    [
        # A leap day, and a year's end, both ends included to the millisecond.
        ("2020-02-28", "2020-02-29", ["2020-02-28T00:00:00.000", "2020-02-29T23:59:59.999"], ["2020-03-01T00:00:00"]),
        ("2019-12-31", "2020-01-01", ["2019-12-31T00:00:00", "2020-01-01T23:59:59.999"], ["2019-12-30T23:59:59.999"]),
        (None, "2020-01-20", ["1999-01-01T00:00:00", "2020-01-20T23:59:59.999"], ["2020-01-21T00:00:00.000"]),
        ("2020-01-01", None, ["2020-01-01T00:00:00.000", "2999-01-01T00:00:00"], ["2019-12-31T23:59:59.999"]),
    ],
)
def test_days_of_a_phase(first: str | None, last: str | None, inside: list[str], outside: list[str]) -> None:
    days = PhaseDays("payment", *(date.fromisoformat(one) if one else None for one in (first, last)))
    for text in inside:
        assert days.contains(datetime.fromisoformat(f"{text}+08:00")), text
    for text in outside:
        assert not days.contains(datetime.fromisoformat(f"{text}+08:00")), text


async def test_a_districts_own_row_goes_before_the_general_one(trial: Trial) -> None:
    await trial.load_seasons()
    await trial.run(
        "INSERT INTO calendar (scheme, coverage_year, phase, district_id, first_day, last_day, source)"
        " VALUES ('centralized', 2020, 'union_window', 12, '2019-11-01', '2019-12-29', 'test')"
    )
    async with trial.context.engine.connect() as conn:
        own = await store.phases(conn, "centralized", 2020, DISTRICT)
        other = await store.phases(conn, "centralized", 2020, OTHER_DISTRICT)
    assert own["union_window"].last_day == date(2019, 12, 29)
    assert other["union_window"].last_day == date(2019, 12, 27)
    assert own["payment"] == other["payment"]


async def test_central_enterprises_are_those_of_the_year(trial: Trial) -> None:
    await trial.run(
        "INSERT INTO central_enterprises (coverage_year, district_code, name, source)"
        " VALUES (2020, '007', '样本局', 'test')"
    )
    async with trial.context.engine.connect() as conn:
        assert await store.is_central(conn, STRANGER, 2020)
        assert await store.is_central(conn, OTHER_DISTRICT, 2020)
        assert not await store.is_central(conn, STRANGER, 2019)
        assert not await store.is_central(conn, UNION, 2020)
    await trial.run("UPDATE central_enterprises SET listed = false")
    async with trial.context.engine.connect() as conn:
        assert not await store.is_central(conn, STRANGER, 2020)


async def test_loading_again_changes_nothing(trial: Trial) -> None:
    first = await load_season(trial.context.work, SAMPLES)
    # 14 prices, 19 benefits, 21 + 14 calendar rows, 2 central enterprises
    assert first == SeasonLoaded(added=70, same=0, kept=0)
    assert await load_season(trial.context.work, SAMPLES) == SeasonLoaded(added=0, same=70, kept=0)
    assert await trial.column("SELECT scheme || coverage_year FROM campaigns ORDER BY 1") == [
        "centralized2020",
        "registration2014",
    ]
    assert await trial.column("SELECT count(*) FROM audit_log WHERE action = 'season.loaded'") == [1]


def _changed(tmp_path: Path, file: str, old: str, new: str) -> Path:
    folder = tmp_path / "season"
    shutil.copytree(SAMPLES, folder, dirs_exist_ok=True)
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


async def test_what_stands_is_not_changed_by_a_file(trial: Trial, tmp_path: Path) -> None:
    await trial.load_seasons()
    cheaper = _changed(tmp_path, "rates.csv", "2020,A,full,26,13,6.5", "2020,A,full,25,13,6.5")
    with pytest.raises(BadSeason, match=r"rates.csv 第 8 行，列 coverage_year：与已加载的内容不同"):
        await load_season(trial.context.work, cheaper)
    assert await trial.column("SELECT fee_fen FROM rates WHERE coverage_year = 2020 AND class_code = 'A'") == [
        2600,
        1300,
    ]
    # What two people have changed since stays, whatever the file says.
    await trial.run("UPDATE rates SET fee_fen = 2700, version = 2 WHERE class_code = 'A' AND term = 'full'")
    loaded = await load_season(trial.context.work, SAMPLES)
    assert (loaded.added, loaded.kept) == (0, 2)


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("rates.csv", "2019,A,full,24,12,6", "2019,A,full,24,25,6", "第 4 行，列 subsidy_yuan：补贴超过保费"),
        ("rates.csv", "2019,A,full,24,12,6", "2019,A,full,24.005,12,6", "第 4 行，列 fee_yuan：金额不正确"),
        ("rates.csv", "2019,A,full,24,12,6", "2019,A,full,0,0,0", "第 4 行，列 fee_yuan：保费为 0"),
        ("rates.csv", "2019,A,full,24,12,6", "2019,A,full,24,12,", "第 4 行，列 subsidy_yuan：两种补贴只填写了一种"),
        ("rates.csv", "2019,A,full", "2019,A,third", "第 4 行，列 term：“third”不在可选范围内；请填写 full、half 之一"),
        ("rates.csv", "2019,A,full", "19,A,full", "第 4 行，列 coverage_year：年度不正确"),
        ("rates.csv", "2019,B,full,70,30,18", "2019,A,full,24,12,6", "第 5 行，列 coverage_year：与第 4 行重复"),
        ("rates.csv", "2019,A,full,24,12,6,", "2019,A,full,24,12,6,x,", "第 4 行，列 source：该行的列数与表头不同"),
        ("rates.csv", "coverage_year,class", "year,class", "第 1 行，列 coverage_year：表头不符"),
        ("benefits.csv", "accident,30000,event", "accident,30000,month", "第 3 行，列 per"),
        ("calendars.csv", "2019-10-25,2019-10-31", "2019-10-25,2019-10-24", "第 2 行，列 last_day：末日早于首日"),
        ("calendars.csv", "2019-10-25,2019-10-31", "2019-10-25,2019-10-32", "第 2 行，列 last_day：日期不正确"),
        ("calendars.csv", "2019-10-25,2019-10-31", ",", "第 2 行，列 last_day：首日和末日均为空"),
        ("calendars.csv", "2020,fee_split,", "2020,fee,", "第 2 行，列 phase"),
        ("calendars.csv", "centralized,2020,fee_split,", "central,2020,fee_split,", "第 2 行，列 scheme"),
        ("central_enterprises.csv", "2019,502,示例铁路工会,decision: fictional", "2019,502,,d", "第 2 行，列 name"),
        ("central_enterprises.csv", "示例铁路工会,decision: fictional", "示例铁路工会,", "第 2 行，列 source"),
    ],
)
async def test_bad_rows_are_named_and_nothing_is_loaded(
    trial: Trial, tmp_path: Path, file: str, old: str, new: str, fault: str
) -> None:
    with pytest.raises(BadSeason) as refused:
        await load_season(trial.context.work, _changed(tmp_path, file, old, new))
    assert f"{file} {fault}" in str(refused.value)
    for table in ("rates", "benefits", "calendar", "central_enterprises", "campaigns"):
        assert await trial.column(f"SELECT count(*) FROM {table}") == [0]


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadSeason, match="没有可加载的文件"):
        read_folder(tmp_path)
    (tmp_path / "rates.csv").write_bytes("年度".encode("gbk"))
    with pytest.raises(BadSeason, match="不是 UTF-8 编码的 CSV"):
        read_folder(tmp_path)
    (tmp_path / "rates.csv").write_bytes(b"\xef\xbb\xbf" + (SAMPLES / "rates.csv").read_bytes())
    assert len(read_folder(tmp_path)["rates.csv"]) == 14


async def test_a_season_over_http(trial: Trial) -> None:
    await trial.load_seasons()
    for district in (DISTRICT, OTHER_DISTRICT):
        await trial.run(
            "INSERT INTO calendar (scheme, coverage_year, phase, district_id, last_day, source)"
            " VALUES ('centralized', 2020, 'payment', :district, '2020-01-21', 'test')",
            district=district,
        )

    async def exceptions(role: Role) -> list[Any]:
        season = await trial.ok("GET", "/seasons/2020", role=role)
        assert len(season["rates"]) == 8
        return [one["district_id"] for one in season["calendar"] if one["district_id"]]

    assert await exceptions(Role.UNION) == [DISTRICT]
    assert await exceptions(Role.DISTRICT) == [DISTRICT]
    assert await exceptions(Role.FEDERATION) == [DISTRICT, OTHER_DISTRICT]
    assert (await trial.call("GET", "/seasons/2031")).status_code == 404
    season = await trial.ok("GET", "/seasons/2020")
    (window,) = [one for one in season["calendar"] if one["phase"] == "union_window"]
    assert (window["open"], window["phase_name"]) == (True, "基层工会集中参保")
