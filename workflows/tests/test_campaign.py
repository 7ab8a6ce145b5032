"""Campaigns and their districts at the edges of their calendars. Dates: calendars.csv 2020 and 2014 (domain 5)."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from unioncard.clock_segments import Segment
from unioncard.contracts import insurance
from unioncard.contracts.insurance import CampaignTotals, DistrictNoticeKind, Phase, PhaseTimes, Scheme
from workflows.campaign_opening import CampaignOpening
from workflows.enrolment_campaign import EnrolmentCampaign
from workflows.enrolment_campaign_view import CampaignStart
from workflows.personal_batch import PersonalBatch, PersonalBatchStart
from workflows.search_attributes import NEXT_DEADLINE, PHASE
from workflows_testing.card_office import Command
from workflows_testing.insurance_office import (
    EVE,
    PAYMENT_ENDS,
    REGISTRATION,
    REGISTRATION_OPENS,
    REGISTRATION_SUBMISSION_ENDS,
    SPLIT_ENDS,
    SUBMISSION_ENDS,
    TOTALS,
    WINDOW_ENDS,
    Campaigning,
    InsuranceOffice,
    midnight,
)
from workflows_testing.time_travel import attributes, eventually, length

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MOST_EVENTS = 2000

ALL_NOTICES = [
    (DistrictNoticeKind.SPLIT_MISSING, 20191024),
    (DistrictNoticeKind.SPLIT_MISSING, 20191028),
    (DistrictNoticeKind.SPLIT_MISSING, 20191030),
    (DistrictNoticeKind.WINDOW_OPENED, 20191101),
    (DistrictNoticeKind.WINDOW_CLOSING, 20191220),
    (DistrictNoticeKind.SUBMISSION_CLOSING, 20191224),
    (DistrictNoticeKind.UNION_PAYMENT_CLOSING, 20191224),
    (DistrictNoticeKind.WINDOW_CLOSING, 20191224),
    (DistrictNoticeKind.WINDOW_CLOSING, 20191226),
    (DistrictNoticeKind.SUBMISSION_OPENED, 20191228),
    (DistrictNoticeKind.SUBMISSION_CLOSING, 20191228),
    (DistrictNoticeKind.UNION_PAYMENT_CLOSING, 20191228),
    (DistrictNoticeKind.SUBMISSION_CLOSING, 20191230),
    (DistrictNoticeKind.UNION_PAYMENT_CLOSING, 20191230),
]


def submission_to(end: datetime) -> list[PhaseTimes]:
    return [PhaseTimes(phase=Phase.DISTRICT_SUBMISSION, opens_at=WINDOW_ENDS, closes_at=end)]


async def opened(campaigning: Campaigning) -> WorkflowHandle[Any, Any]:
    """The campaign, with a workflow for every district."""
    campaign = await campaigning.start()
    office = campaigning.office
    await eventually(lambda: len(office.of_type(insurance.ShowDistrict.TYPE)) >= office.districts)
    return campaign


async def told(campaigning: Campaigning, district_id: int, expected: list[tuple[Any, int]]) -> None:
    """Wait until the district was told as often; those of the same moment come in any order."""
    await eventually(lambda: len(campaigning.office.notices(district_id)) >= len(expected))
    assert sorted(campaigning.office.notices(district_id), key=lambda one: (one[1], one[0])) == sorted(
        expected, key=lambda one: (one[1], one[0])
    )


async def closed(campaigning: Campaigning, district_id: int, times: int = 1) -> Command:
    await eventually(lambda: len(campaigning.office.closings(district_id)) >= times)
    return campaigning.office.closings(district_id)[-1]


async def test_a_season_runs_from_its_opening_to_its_totals(campaigning: Campaigning) -> None:
    campaign = await opened(campaigning)
    await campaigning.go_to(SUBMISSION_ENDS + DAY)
    assert await length(campaigning.client, campaigning.district(1)) < MOST_EVENTS
    for id_ in (1, 2, 3):
        await told(campaigning, id_, ALL_NOTICES)
    assert CampaignTotals.model_validate(await campaign.result()) == TOTALS
    assert [len(campaigning.office.closings(id_)) for id_ in (1, 2, 3)] == [1, 1, 1]
    keys = [one.key for one in campaigning.office.asked]
    assert len(set(keys)) == len(keys)
    assert "campaign/centralized/2020/1/notice/window_opened/20191101" in keys


@pytest.mark.parametrize(
    ("at", "notice"),
    [
        (SPLIT_ENDS, (DistrictNoticeKind.WINDOW_OPENED, 20191101)),
        (datetime(2019, 12, 26, 1, tzinfo=UTC), (DistrictNoticeKind.WINDOW_CLOSING, 20191226)),
        (WINDOW_ENDS, (DistrictNoticeKind.SUBMISSION_OPENED, 20191228)),
        (datetime(2019, 12, 30, 1, tzinfo=UTC), (DistrictNoticeKind.SUBMISSION_CLOSING, 20191230)),
    ],
)
async def test_notices_go_out_at_their_moment_and_no_second_sooner(
    campaigning: Campaigning, at: datetime, notice: tuple[DistrictNoticeKind, int]
) -> None:
    await opened(campaigning)
    await campaigning.go_to(at - SECOND)
    assert notice not in campaigning.office.notices(1)
    await campaigning.go_to(at + SECOND)
    await eventually(lambda: notice in campaigning.office.notices(1))


async def test_a_district_is_closed_at_midnight_after_its_last_day(campaigning: Campaigning) -> None:
    await opened(campaigning)
    await campaigning.go_to(SUBMISSION_ENDS - SECOND)
    assert campaigning.office.closings(1) == []
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    closing = await closed(campaigning, 1)
    assert SUBMISSION_ENDS <= closing.at < SUBMISSION_ENDS + SECOND


async def test_an_extension_moves_every_district(campaigning: Campaigning) -> None:
    campaign = await opened(campaigning)
    await campaigning.go_to(SUBMISSION_ENDS - SECOND)
    later = midnight(2020, 1, 4)
    await campaign.signal("calendar_changed", campaigning.office.changed(submission_to(later)))
    await campaigning.go_to(later - SECOND)
    assert campaigning.office.closings(1) == []
    # The last day is now 3 January: it is reminded of again, one day ahead.
    assert (DistrictNoticeKind.SUBMISSION_CLOSING, 20200102) in campaigning.office.notices(1)
    await campaigning.go_to(later + SECOND)
    for id_ in (1, 2, 3):
        assert later <= (await closed(campaigning, id_)).at < later + SECOND


async def test_an_early_close_moves_the_timers_forward(campaigning: Campaigning) -> None:
    campaign = await opened(campaigning)
    sooner = midnight(2019, 12, 30)
    await campaign.signal("calendar_changed", campaigning.office.changed(submission_to(sooner)))
    await campaigning.go_to(sooner + SECOND)
    assert sooner <= (await closed(campaigning, 2)).at < sooner + SECOND


async def test_an_exception_for_one_district_moves_only_its_timers(campaigning: Campaigning) -> None:
    campaign = await opened(campaigning)
    later = midnight(2020, 1, 6)
    await campaign.signal("calendar_changed", campaigning.office.changed(submission_to(later), district_id=2))
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    await closed(campaigning, 1)
    await closed(campaigning, 3)
    await campaigning.go_to(later - SECOND)
    assert campaigning.office.closings(2) == []
    await campaigning.go_to(later + SECOND)
    assert later <= (await closed(campaigning, 2)).at < later + SECOND
    await campaign.result()


async def test_an_extension_while_the_timer_fires_is_judged_by_the_service(campaigning: Campaigning) -> None:
    """The service has extended, but its event is still on the way when the old deadline comes."""
    campaign = await opened(campaigning)
    later = midnight(2020, 1, 2)
    await campaigning.go_to(SUBMISSION_ENDS - SECOND)
    change = campaigning.office.changed(submission_to(later))
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    await closed(campaigning, 1)  # refused
    await campaign.signal("calendar_changed", change)
    await campaign.signal("calendar_changed", change)
    await campaigning.go_to(later + SECOND)
    totals = CampaignTotals.model_validate(await campaign.result())
    assert totals == TOTALS
    for id_ in (1, 2, 3):
        asked = campaigning.office.closings(id_)
        assert [one.at >= later for one in asked][-1]
        assert len({one.key for one in asked}) == len(asked)


async def test_an_extension_whose_event_is_lost_is_found_out_by_asking_again(campaigning: Campaigning) -> None:
    campaign = await opened(campaigning)
    campaigning.office.changed(submission_to(midnight(2020, 1, 2)))
    await campaigning.go_to(midnight(2020, 1, 5))
    await campaign.result()
    closing = await closed(campaigning, 1)
    assert midnight(2020, 1, 2) <= closing.at < midnight(2020, 1, 4)


async def test_a_district_that_is_reopened_after_its_end_begins_again(campaigning: Campaigning) -> None:
    campaigning.office.batches_open = True
    campaign = await opened(campaigning)
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    for id_ in (1, 2, 3):
        await closed(campaigning, id_)
    await eventually(lambda: len(campaigning.office.of_type(insurance.CloseCampaign.TYPE)) == 1)
    again = midnight(2020, 1, 11)
    await campaign.signal("calendar_changed", campaigning.office.changed(submission_to(again), district_id=3))
    await eventually(lambda: len(campaigning.office.of_type(insurance.ShowDistrict.TYPE)) > 0)
    await campaigning.go_to(again + SECOND)
    assert again <= (await closed(campaigning, 3, times=2)).at < again + SECOND
    assert len(campaigning.office.closings(1)) == 1
    campaigning.office.batches_open = False
    await campaigning.go_to(again + 2 * DAY)
    await campaign.result()


async def test_open_batches_keep_the_campaign_open_and_are_asked_for_daily(campaigning: Campaigning) -> None:
    campaigning.office.batches_open = True
    campaign = await opened(campaigning)
    await campaigning.go_to(PAYMENT_ENDS)
    asked = campaigning.office.of_type(insurance.CloseCampaign.TYPE)
    assert len(asked) == 20  # at once, then on each of the days to 20 January
    assert len({one.key for one in asked}) == 20
    await campaigning.go_to(PAYMENT_ENDS + SECOND)
    assert (await attributes(campaigning.client, campaign))[PHASE.name] == "核销收尾"
    campaigning.office.batches_open = False
    await campaigning.go_to(PAYMENT_ENDS + DAY)
    assert CampaignTotals.model_validate(await campaign.result()) == TOTALS
    assert (await attributes(campaigning.client, campaign))[PHASE.name] == "已结束"


async def test_the_2014_scheme_runs_on_the_same_code(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.scheme, office.year, office.calendar = Scheme.REGISTRATION, 2014, list(REGISTRATION)
    office.segments = [Segment(await campaigning.env.get_current_time(), REGISTRATION_OPENS)]
    campaign = await opened(campaigning)
    await campaigning.go_to(REGISTRATION_SUBMISSION_ENDS - SECOND)
    assert office.closings(1) == []
    await campaigning.go_to(REGISTRATION_SUBMISSION_ENDS + SECOND)
    await campaign.result()
    assert [occurrence for kind, occurrence in office.notices(1) if kind.startswith("window")] == [
        20140501,
        20140623,
        20140627,
        20140629,
    ]
    assert [occurrence for kind, occurrence in office.notices(1) if kind.startswith("submission")] == [
        20140701,
        20140703,
        20140707,
        20140709,
    ]
    assert campaign.id == "campaign/registration/2014"


async def test_a_late_start_says_only_what_still_matters(campaigning: Campaigning) -> None:
    """Down since October, back on 29 December: what is over is passed over, the newest of the rest is said."""
    campaigning.office.segments = [
        Segment(await campaigning.env.get_current_time(), datetime(2019, 12, 29, 4, tzinfo=UTC))
    ]
    await opened(campaigning)
    await told(
        campaigning,
        1,
        [
            (DistrictNoticeKind.SUBMISSION_OPENED, 20191228),
            (DistrictNoticeKind.SUBMISSION_CLOSING, 20191228),
            (DistrictNoticeKind.UNION_PAYMENT_CLOSING, 20191228),
        ],
    )


async def test_a_refused_notice_stops_nothing(campaigning: Campaigning) -> None:
    campaigning.office.refusals[insurance.NotifyDistrict.TYPE] = "nobody-there"
    campaign = await opened(campaigning)
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    assert CampaignTotals.model_validate(await campaign.result()) == TOTALS


async def test_a_district_ended_by_hand_begins_again(client: Client, task_queue: str) -> None:
    """On the real server: the time-skipping one stops skipping for good when something is terminated."""
    year = 3000 + uuid.uuid4().int % 10**8
    office = InsuranceOffice([Segment(datetime.now(UTC), EVE)], year=year, districts=1)
    async with office.worker(client, task_queue):
        campaign = await client.start_workflow(
            EnrolmentCampaign.run,
            CampaignStart(scheme=office.scheme, year=year, segments=list(office.segments)),
            id=f"campaign/{office.scheme}/{year}",
            task_queue=task_queue,
        )
        await eventually(lambda: len(office.of_type(insurance.ShowDistrict.TYPE)) >= 1)
        district = client.get_workflow_handle(f"{campaign.id}/001")
        first = (await district.describe()).run_id
        await district.terminate("by mistake")
        await eventually(lambda: _another_run(district, first))
        await campaign.terminate("end of the test")


async def _another_run(district: WorkflowHandle[Any, Any], first: str) -> bool:
    return (await district.describe()).run_id != first


async def test_a_clock_that_jumps_moves_the_districts(campaigning: Campaigning) -> None:
    campaign = await opened(campaigning)
    real = await campaigning.env.get_current_time()
    jump = [*campaigning.office.segments, Segment(real, SUBMISSION_ENDS - SECOND)]
    campaigning.office.segments = jump
    for workflow in (campaign, *(campaigning.district(id_) for id_ in (1, 2, 3))):
        await workflow.signal("clock_changed", jump)
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    await campaign.result()
    # Months of business time; the server may have skipped to the end of a command's patience, some minutes.
    assert await campaigning.env.get_current_time() - real < timedelta(hours=1)


async def test_a_batch_hangs_below_its_district_and_outlives_it(campaigning: Campaigning) -> None:
    campaigning.office.batches_open = True
    await opened(campaigning)
    await campaigning.go_to(datetime(2019, 12, 30, 2, tzinfo=UTC))
    errand = campaigning.office.errand()
    assert errand.parent_id == "campaign/centralized/2020/001"
    district = campaigning.client.get_workflow_handle(errand.parent_id)
    for _ in range(2):
        await district.signal(errand.parent_signal, errand.start)
    payment = campaigning.client.get_workflow_handle(errand.workflow_id)
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    await closed(campaigning, 1)
    shown = await payment.describe()
    assert shown.parent_id == errand.parent_id
    await campaigning.passed(payment, PAYMENT_ENDS)
    await eventually(lambda: ("passed", 1) in campaigning.office.notices())


async def test_people_see_the_phase_and_its_deadline(campaigning: Campaigning) -> None:
    campaign = await opened(campaigning)
    for end, phase in (
        (SPLIT_ENDS, "缴费设置"),
        (WINDOW_ENDS, "基层工会参保"),
        (SUBMISSION_ENDS, "区局提交"),
    ):
        await campaigning.go_to(end - SECOND)
        for workflow in (campaign, campaigning.district(1)):
            shown = await attributes(campaigning.client, workflow)
            assert shown[PHASE.name] == phase
            assert datetime.fromisoformat(shown[NEXT_DEADLINE.name]) == end
        await campaigning.go_to(end + SECOND)
    await campaign.result()
    assert (await attributes(campaigning.client, campaigning.district(1)))[PHASE.name] == "已截止"


async def test_a_hundred_districts_leave_a_short_history(campaigning: Campaigning) -> None:
    office = campaigning.office
    office.districts = 100
    # All districts start, hear of three changes and end; of the notices a few are enough.
    office.segments = [Segment(await campaigning.env.get_current_time(), SUBMISSION_ENDS - timedelta(hours=8))]
    campaign = await opened(campaigning)
    for days in (-1, 1, 0):
        await campaigning.go_to(await campaigning.now() + timedelta(hours=1))
        changed = office.changed(submission_to(SUBMISSION_ENDS + max(days, 0) * DAY))
        await campaign.signal("calendar_changed", changed)
    await campaigning.go_to(SUBMISSION_ENDS + SECOND)
    assert CampaignTotals.model_validate(await campaign.result()) == TOTALS
    assert await length(campaigning.client, campaign) < MOST_EVENTS
    assert all(len(office.closings(id_)) == 1 for id_ in range(1, 101))


async def test_the_daily_opening_starts_what_is_due_once(campaigning: Campaigning) -> None:
    for turn in ("1", "2"):
        opening = await campaigning.client.start_workflow(
            CampaignOpening.run, id=f"campaigns/{turn}", task_queue=campaigning.task_queue
        )
        result = await opening.result()
        assert [(one.scheme, one.coverage_year) for one in result.due] == [(Scheme.CENTRALIZED, 2020)]
        assert result.started == (1 if turn == "1" else 0)
    campaign = campaigning.client.get_workflow_handle("campaign/centralized/2020")
    assert await (await campaign.describe()).static_summary() == "2020年度集中参保"
    assert len(campaigning.office.of_type(insurance.OpenCampaign.TYPE)) == 1


async def test_personal_enrolments_are_gathered_for_the_day_before(campaigning: Campaigning) -> None:
    gathering = await campaigning.client.start_workflow(
        PersonalBatch.run, PersonalBatchStart(), id="personal-nightly", task_queue=campaigning.task_queue
    )
    assert (await gathering.result()).heads == 7
    started = (await gathering.describe()).start_time.astimezone(UTC) + timedelta(hours=8)
    assert campaigning.office.asked[0].data == {"day": str((started - DAY).date())}
