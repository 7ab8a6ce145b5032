"""The population office asked beside a campaign: when the union window opens, and before the centre's review."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from unioncard.clock_segments import Segment
from unioncard.contracts import cards, insurance
from unioncard.contracts.insurance import ExclusionsRecorded, Phase, PhaseTimes, PremiumState, Scheme
from workflows.exclusion_check import CHUNKS_A_RUN, ExclusionCheck
from workflows.exclusion_check_view import (
    ExclusionEnd,
    ExclusionProgress,
    ExclusionStart,
    exclusion_details,
    exclusion_introduction,
    exclusion_summary,
)
from workflows.search_attributes import BATCH, DISTRICT, PHASE, YEAR
from workflows_testing.card_office import Command
from workflows_testing.insurance_office import (
    EVE,
    SPLIT_ENDS,
    SUBMITTED,
    WINDOW_ENDS,
    Campaigning,
    midnight,
)
from workflows_testing.time_travel import attributes, eventually, length

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
OF_DISTRICT = "exclusion-check/2020/001/20191101"
#: A second, two, four … a minute apart: the next try comes when a campaign of four minutes is over.
FAILING_TRIES = 9
#: Where business time begins.
BEGIN = EVE + 5 * MINUTE
OF_BATCH = "exclusion-check/2020/001/CB201912300001"

Check = WorkflowHandle[Any, Any]


async def opened(campaigning: Campaigning) -> Check:
    """The campaign, with a workflow for every district."""
    campaign = await campaigning.start()
    office = campaigning.office
    await eventually(lambda: len(office.of_type(insurance.ShowDistrict.TYPE)) >= office.districts)
    return campaign


async def of(campaigning: Campaigning, workflow_id: str) -> ExclusionEnd:
    """How a check ended that begins soon."""
    await eventually(lambda: bool(questions(campaigning, workflow_id)))
    return ExclusionEnd.model_validate(await campaigning.client.get_workflow_handle(workflow_id).result())


def questions(campaigning: Campaigning, workflow_id: str) -> list[Command]:
    """What a check asked first."""
    asked = campaigning.office.of_type(insurance.NextExclusions.TYPE)
    return [one for one in asked if one.key.startswith(f"{workflow_id}/")]


def start_of(campaigning: Campaigning, **more: Any) -> ExclusionStart:
    fields: dict[str, Any] = {"opening": 20191101, "asked_at": SPLIT_ENDS} | more
    return ExclusionStart(scheme=campaigning.office.scheme, year=2020, district_id=1, district_code="001", **fields)


async def started(campaigning: Campaigning) -> Check:
    """A check by itself."""
    start = start_of(campaigning)
    check: Check = await campaigning.client.start_workflow(
        ExclusionCheck.run, start, id=start.workflow_id, task_queue=campaigning.task_queue
    )
    return check


async def test_members_are_checked_when_the_window_opens_and_no_second_sooner(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.people, office.retired, office.chunk = list(range(1, 6)), {2, 5}, 2
    await opened(campaigning)
    await campaigning.go_to(SPLIT_ENDS - SECOND)
    assert office.of_type(insurance.NextExclusions.TYPE) == []
    await campaigning.go_to(SPLIT_ENDS + SECOND)
    for code in ("001", "002", "003"):
        end = await of(campaigning, f"exclusion-check/2020/{code}/20191101")
        assert end == ExclusionEnd(checked=5, excluded=2, cleared=0, unknown=0)
    assert SPLIT_ENDS <= questions(campaigning, OF_DISTRICT)[0].at < SPLIT_ENDS + SECOND
    mine = [one for one in office.asked if one.key.startswith(OF_DISTRICT)]
    assert [one.key.removeprefix(OF_DISTRICT) for one in mine] == [
        "/next/0-0", "/office/0-0", "/record/0-0",
        "/next/0-2", "/office/0-2", "/record/0-2",
        "/next/0-4", "/office/0-4", "/record/0-4",
    ]  # fmt: skip
    recorded = [one.data for one in mine if one.type == insurance.RecordExclusions.TYPE]
    assert [(one["asked"], one["excluded"], one["last"]) for one in recorded] == [
        ([1, 2], {"retired": [2]}, False),
        ([3, 4], {}, False),
        ([5], {"retired": [5]}, True),
    ]
    assert {one["district_id"] for one in recorded} == {1}
    check = campaigning.client.get_workflow_handle(OF_DISTRICT)
    assert (await check.describe()).parent_id == "campaign/centralized/2020/001"
    shown = await attributes(campaigning.client, check)
    assert (shown[PHASE.name], shown[DISTRICT.name], shown[YEAR.name]) == ("人口办核查完成", "001", 2020)


async def test_a_late_start_in_the_window_still_asks(campaigning: Campaigning) -> None:
    campaigning.office.segments = [Segment(await campaigning.env.get_current_time(), WINDOW_ENDS - MINUTE)]
    await opened(campaigning)
    assert (await of(campaigning, OF_DISTRICT)).checked == 0


async def test_after_the_window_nobody_asks(campaigning: Campaigning) -> None:
    campaigning.office.segments = [Segment(await campaigning.env.get_current_time(), WINDOW_ENDS)]
    await opened(campaigning)
    await campaigning.go_to(WINDOW_ENDS + timedelta(hours=1))
    assert campaigning.office.of_type(insurance.NextExclusions.TYPE) == []


async def test_a_window_that_opens_again_is_checked_again(campaigning: Campaigning) -> None:
    campaign = await opened(campaigning)
    await campaigning.go_to(SPLIT_ENDS + SECOND)
    await of(campaigning, "exclusion-check/2020/002/20191101")
    extended = [PhaseTimes(phase=Phase.UNION_WINDOW, opens_at=SPLIT_ENDS, closes_at=midnight(2019, 12, 29))]
    await campaign.signal("calendar_changed", campaigning.office.changed(extended, district_id=2))
    again = [PhaseTimes(phase=Phase.UNION_WINDOW, opens_at=midnight(2019, 12, 2), closes_at=WINDOW_ENDS)]
    await campaign.signal("calendar_changed", campaigning.office.changed(again, district_id=2))
    await campaigning.go_to(midnight(2019, 12, 2) + SECOND)
    await of(campaigning, "exclusion-check/2020/002/20191202")
    # An extension alone asks nobody anew, and the others' windows did not change.
    assert len(campaigning.office.of_type(insurance.NextExclusions.TYPE)) == 4


def soon(start: Any) -> list[PhaseTimes]:
    """A window of two minutes and two more for the district."""
    return [
        PhaseTimes(phase=Phase.UNION_WINDOW, opens_at=start, closes_at=start + 2 * MINUTE),
        PhaseTimes(phase=Phase.DISTRICT_SUBMISSION, opens_at=start + 2 * MINUTE, closes_at=start + 4 * MINUTE),
    ]


async def test_an_office_that_is_down_holds_nothing_up(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.people, office.retired, office.districts = [1, 2, 3], {3}, 1
    office.calendar = soon(BEGIN)
    tries = 0

    async def fail(command: Command) -> None:
        nonlocal tries
        tries += command.type == cards.CheckExclusions.TYPE
        if command.type == cards.CheckExclusions.TYPE and tries <= FAILING_TRIES:
            raise ApplicationError("offices: HTTP 500", type="command-failed")

    office.before_answer = fail
    campaign = await opened(campaigning)
    await campaigning.go_to(BEGIN + 4 * MINUTE + SECOND)
    await campaign.result()
    check_id = "exclusion-check/2020/001/20191025"
    await eventually(lambda: bool(office.of_type(insurance.RecordExclusions.TYPE)))
    assert await of(campaigning, check_id) == ExclusionEnd(checked=3, excluded=1, cleared=0, unknown=0)
    # It outlived what it hung below, and asked under one key until the office was back.
    (closing,), (recorded,) = office.closings(1), office.of_type(insurance.RecordExclusions.TYPE)
    assert recorded.at > closing.at
    assert {one.key for one in office.of_type(cards.CheckExclusions.TYPE)} == {f"{check_id}/office/0-0"}


async def test_a_slow_office_holds_nothing_up(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.people, office.districts = [1], 1
    answer = asyncio.Event()

    async def wait(command: Command) -> None:
        if command.type == cards.CheckExclusions.TYPE:
            await answer.wait()

    office.before_answer = wait
    office.segments = [Segment(await campaigning.env.get_current_time(), SPLIT_ENDS + MINUTE)]
    await opened(campaigning)
    await eventually(lambda: bool(office.of_type(cards.CheckExclusions.TYPE)))
    # Unions are told that the window is open while the office thinks.
    await eventually(lambda: ("window_opened", 20191101) in office.notices(1))
    answer.set()
    assert (await of(campaigning, OF_DISTRICT)).checked == 1


async def test_a_refusal_ends_the_check_and_nothing_else(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.people, office.districts = [1], 1
    office.calendar = soon(BEGIN)
    office.refusals[cards.CheckExclusions.TYPE] = "dead-letter"
    campaign = await opened(campaigning)
    check_id = "exclusion-check/2020/001/20191025"
    await eventually(lambda: bool(questions(campaigning, check_id)))
    check = campaigning.client.get_workflow_handle(check_id)
    with pytest.raises(WorkflowFailureError):
        await check.result()
    assert (await attributes(campaigning.client, check))[PHASE.name] == "人口办核查中止"
    await campaigning.go_to(BEGIN + 4 * MINUTE + SECOND)
    await campaign.result()
    assert len(office.closings(1)) == 1


async def test_whom_card_svc_does_not_know_nothing_is_written_about(campaigning: Campaigning) -> None:
    campaigning.office.people = [-1, 1, 2]
    check = await started(campaigning)
    end = ExclusionEnd.model_validate(await check.result())
    assert (end.checked, end.unknown) == (2, 1)
    (recorded,) = campaigning.office.of_type(insurance.RecordExclusions.TYPE)
    assert recorded.data["asked"] == [1, 2]


async def test_a_large_district_continues_with_a_fresh_history(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.people, office.chunk = list(range(1, CHUNKS_A_RUN + 21)), 1
    office.retired = {1, CHUNKS_A_RUN + 20}
    check = await started(campaigning)
    end = ExclusionEnd.model_validate(await check.result())
    assert end == ExclusionEnd(checked=CHUNKS_A_RUN + 20, excluded=2, cleared=0, unknown=0)
    first = campaigning.client.get_workflow_handle(check.id, run_id=check.result_run_id)
    assert await length(campaigning.client, campaigning.client.get_workflow_handle(check.id)) < 500
    assert (await first.describe()).history_length <= 2000
    keys = [one.key for one in office.asked]
    assert len(keys) == len(set(keys)) == 3 * (CHUNKS_A_RUN + 20)


async def test_a_batch_is_checked_before_the_centre_reviews_it(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.people, office.retired = [1, 2], {2}
    office.segments = [Segment(await campaigning.env.get_current_time(), SUBMITTED)]
    payment = await campaigning.start_payment()
    assert await of(campaigning, OF_BATCH) == ExclusionEnd(checked=2, excluded=1, cleared=0, unknown=0)
    (asked,) = questions(campaigning, OF_BATCH)
    assert (asked.data["batch_number"], asked.data["district_id"]) == ("CB201912300001", 1)
    (recorded,) = office.of_type(insurance.RecordExclusions.TYPE)
    assert (recorded.data["batch_number"], recorded.data["last"]) == ("CB201912300001", True)
    check = campaigning.client.get_workflow_handle(OF_BATCH)
    assert (await check.describe()).parent_id == payment.id
    assert (await attributes(campaigning.client, check))[BATCH.name] == "CB201912300001"
    # The centre is free to review before, during and after it.
    office.state = PremiumState.RETURNED
    await payment.signal("reviewed", args=[False, None])
    await payment.result()


async def test_a_check_that_hangs_keeps_no_payment_open(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.people = [1]
    office.refusals[insurance.NextExclusions.TYPE] = "dead-letter"
    office.segments = [Segment(await campaigning.env.get_current_time(), SUBMITTED)]
    payment = await campaigning.start_payment()
    office.state = PremiumState.RETURNED
    await payment.signal("reviewed", args=[False, None])
    assert (await payment.result()).state is PremiumState.RETURNED


@pytest.mark.parametrize(("scheme", "checks"), [(Scheme.REGISTRATION, 1), (Scheme.INSTANT, 0), (Scheme.PERSONAL, 0)])
async def test_only_batches_of_campaigns_are_checked(campaigning: Campaigning, scheme: Scheme, checks: int) -> None:
    office = campaigning.office
    office.scheme = scheme
    office.segments = [Segment(await campaigning.env.get_current_time(), SUBMITTED)]
    payment = await campaigning.start_payment()
    office.state = PremiumState.RETURNED
    await payment.signal("reviewed", args=[False, None])
    await payment.result()
    if checks:
        await of(campaigning, OF_BATCH)
    assert len(office.of_type(insurance.NextExclusions.TYPE)) == checks


START = ExclusionStart(
    scheme=Scheme.CENTRALIZED,
    year=2020,
    district_id=12,
    district_code="036",
    opening=20191101,
    asked_at=SPLIT_ENDS,
)


def test_people_see_how_far_it_is_and_what_to_do() -> None:
    progress = ExclusionProgress(total=30_000)
    progress.add(ExclusionsRecorded(excluded=3, cleared=1), asked=998, unknown=2)
    assert exclusion_details(START, progress) == (
        "### 人口办核查中\n"
        "- **进度**：已核查 998/30000\n"
        "- **结果**：不符 3 · 恢复 1 · 未能核查 2\n"
        "- **自**：2019年10月31日24:00\n"
        "- **怎么办**：无需操作。人口办暂时无法连接时系统自动重试，不影响参保进行。"
    )
    assert exclusion_summary(START) == "人口办核查 · 2020年度集中参保 · 区局 036"


def test_people_see_what_to_do_about_a_batch() -> None:
    of_batch = START.model_copy(update={"opening": None, "batch_number": "CB201912280001"})
    assert of_batch.workflow_id == "exclusion-check/2020/036/CB201912280001"
    assert exclusion_summary(of_batch) == "人口办核查 · 2020年度集中参保 · 批次 CB201912280001"
    assert "批次 CB201912280001" in exclusion_introduction(of_batch)
    done = exclusion_details(of_batch, ExclusionProgress(over=True))
    assert done.startswith("### 人口办核查完成\n")
    assert "退回批次" in done
    aborted = exclusion_details(of_batch, ExclusionProgress(refused="没有这个参保批次"))
    assert "### 人口办核查中止" in aborted
    assert "- **受阻**：没有这个参保批次" in aborted
