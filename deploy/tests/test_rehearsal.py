"""A rehearsal's plan, its memory and its report; the season itself is played where there is a stack."""

import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from unioncard_cli.audit.facts import Facts
from unioncard_cli.operators import Refusal
from unioncard_cli.place import StackError
from unioncard_cli.season import charts, report
from unioncard_cli.season.clock import StackClock
from unioncard_cli.season.dates import at, dates_of, shares_of
from unioncard_cli.season.journal import WINDOW, Journal, Sample, oldest
from unioncard_cli.season.opening import SEASONS
from unioncard_cli.season.plan import DistrictHabit, UnionHabit, draw
from unioncard_cli.season.report import Outcome
from unioncard_cli.stack import Stack

DATES = dates_of(SEASONS, 2020)


def test_the_days_are_those_of_the_calendar() -> None:
    assert DATES.eve == date(2019, 10, 24)
    assert (DATES.window_first, DATES.window_last) == (date(2019, 11, 1), date(2019, 12, 27))
    assert (DATES.submission_first, DATES.submission_last) == (date(2019, 12, 28), date(2019, 12, 31))
    assert (DATES.union_payment_last, DATES.payment_last) == (date(2019, 12, 31), date(2020, 1, 20))


def test_a_calendar_that_is_not_complete_is_named() -> None:
    with pytest.raises(StackError, match="calendar of 2021 has no first_day of fee_split"):
        dates_of(SEASONS, 2021)
    with pytest.raises(StackError, match="no prices for 2031"):
        shares_of(SEASONS, 2031)


def test_shares_are_what_the_subsidy_leaves() -> None:
    shares = shares_of(SEASONS, 2020)
    # A, full year: 26.00 - 13.00 = 13.00, a quarter is 3.25; A, half: 13.00 - 6.50 = 6.50, a quarter 1.625
    assert shares["A", "full"] == (325, 975)
    assert shares["A", "half"] == (162, 488)
    # B+, full year: 140.00 - 40.00 = 100.00
    assert shares["B+", "full"] == (2500, 7500)


def test_the_same_seed_plans_the_same_season() -> None:
    plan = draw(7, DATES, ["A", "B"], 4, 24)
    assert plan == draw(7, DATES, ["A", "B"], 4, 24)
    assert plan != draw(8, DATES, ["A", "B"], 4, 24)
    assert {one.habit for one in plan.unions} == set(UnionHabit)
    assert list(plan.districts) == list(DistrictHabit)[:4]
    assert sorted((one.district, one.number) for one in plan.unions) == [(d, n) for d in range(4) for n in range(1, 7)]


@pytest.mark.parametrize("seed", range(20))
def test_everybody_comes_when_they_are_said_to(seed: int) -> None:
    opens, closes = at(DATES.window_first, "00:00"), at(date(2019, 12, 28), "00:00")
    for one in draw(seed, DATES, ["A"], 5, 60).unions:
        assert (opens <= one.submits_at < closes) is (one.habit is not UnionHabit.LATE)
        if one.habit is UnionHabit.LAST_DAYS:
            assert one.submits_at >= at(date(2019, 12, 26), "00:00")
        if one.again_at is not None and one.returned_at is not None:
            assert one.submits_at < one.returned_at < one.again_at < at(date(2020, 1, 1), "00:00")
            # what was returned within the window must be mended within it
            assert (one.returned_at < closes) is (one.again_at < closes)


def test_most_come_in_the_last_two_days() -> None:
    unions = draw(1, DATES, ["A"], 10, 500).unions
    last = [one for one in unions if one.submits_at.date() in (date(2019, 12, 26), date(2019, 12, 27))]
    assert len(last) > len(unions) * 0.6


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of a stack that is not up, its clock on the eve."""
    clock = StackClock(Stack(tmp_path / "state", 22000))
    clock.start_on(DATES.eve)
    return Journal(clock)


def _refuse() -> str:
    raise Refusal(409, {"title": "“基层工会集中参保”已截止"})


def test_the_journal_knows_what_was_judged_wrongly(journal: Journal) -> None:
    assert journal.act("甲", "提交名单", lambda: "A 档 3 人", deadline=WINDOW, in_time=True)
    assert not journal.act("乙", "提交名单", _refuse, deadline=WINDOW, in_time=False)
    assert not journal.act("丙", "提交名单", _refuse, deadline=WINDOW, in_time=True)
    assert journal.act("丁", "提交名单", lambda: "A 档 1 人", deadline=WINDOW, in_time=False)
    assert journal.act("戊", "核销", lambda: "1 个批次")
    assert [one.as_planned for one in journal.entries] == [True, True, False, False, True]
    assert journal.submissions() == {DATES.eve: 2}
    assert journal.entries[1].outcome == "“基层工会集中参保”已截止"


def test_the_age_of_the_outbox_is_read_from_the_metrics() -> None:
    assert oldest("# HELP x\noutbox_oldest_age_seconds 2.5\n") == 2.5
    assert oldest("") == 0.0


def _outcome(journal: Journal) -> Outcome:
    journal.act("演练1区第1示例单位工会", "提交名单", lambda: "A 档 3 人 <b>", deadline=WINDOW, in_time=True)
    journal.act("演练1区第2示例单位工会", "提交名单", _refuse, deadline=WINDOW, in_time=False)
    journal.request(journal.began + 1.0, journal.began + 1.2)
    journal.request(journal.began + 3.0, journal.began + 3.1)
    moment = datetime(2019, 12, 27, tzinfo=UTC)
    journal.samples += [Sample(1.0, moment, 3, 0.4, 2), Sample(2.0, moment, 0, 0.0, 0)]
    batch = {
        "number": "CB201912280001",
        "district_code": "601",
        "district_name": "演练1区总工会",
        "scheme": "centralized",
        "state": "written_off",
        "heads": 3,
        "fee_fen": 7800,
        "subsidy_fen": 3900,
        "district_fen": 975,
        "union_fen": 2925,
        "due_fen": 3900,
        "received_fen": 3900,
    }
    void = batch | {"number": "CB201912280002", "state": "voided", "received_fen": 0}
    return Outcome(
        plan=draw(1, DATES, ["A"], 2, 10),
        journal=journal,
        names=["演练1区总工会", "演练2区总工会"],
        members=3,
        seed=1,
        speed=86400.0,
        batches=[batch, void],
        facts=Facts(policies_standing=3),
        differences=[],
        seconds=12.0,
    )


def test_the_report_says_who_did_what_and_what_it_came_to(journal: Journal, tmp_path: Path) -> None:
    markdown, page = report.write(_outcome(journal), tmp_path / "out")
    text = markdown.read_text(encoding="utf-8")
    assert "# 2020 年度集中参保演练报告" in text
    # only what was written off is in the total
    assert "| 合计（已核销） | 1 个批次 |  | 3 | 78.00 | 39.00 | 9.75 | 29.25 | 39.00 | 39.00 |  |" in text
    assert "| 基层工会集中参保 | 1 | 1 | 1 | 无 |" in text
    assert "2 次，中位 200 毫秒" in text
    html = page.read_text(encoding="utf-8")
    assert "全部时限按日历判定" in html
    assert "&lt;b&gt;" in html
    assert html.count("<svg") == 4
    assert "http" not in html.replace("http-equiv", "")


def test_a_wrong_judgement_is_not_hidden(journal: Journal, tmp_path: Path) -> None:
    outcome = _outcome(journal)
    journal.act("己", "提交名单", lambda: "A 档 1 人", deadline=WINDOW, in_time=False)
    assert not outcome.sound
    _, page = report.write(outcome, tmp_path / "out")
    assert "有 1 项判定与日历不符" in page.read_text(encoding="utf-8")


def test_charts_are_well_formed() -> None:
    for chart in (
        charts.bars("每日<数量>", [("12-26", 3), ("12-27", 9)]),
        charts.line("请求", [(0, 0), (1, 5), (2, 1)], "次/秒"),
        charts.bars("空", []),
        charts.line("空", [], "秒"),
        charts.bars("零", [("12-26", 0)]),
    ):
        ET.fromstring(chart)  # noqa: S314  # our own
