"""What starts by itself."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowHandle,
)
from temporalio.common import WorkflowIDConflictPolicy

from unioncard.contracts.cards import FetchBankStateResult
from unioncard.contracts.claims import PayoutFileFetched, PayoutsGathered
from unioncard.contracts.insurance import PersonalBatched
from unioncard.dates import SHANGHAI
from workflows.bank_state import BankStateFetch, BankStateStart
from workflows.campaign_opening import CampaignOpening, CampaignsStarted
from workflows.client import RPC_TIMEOUT
from workflows.payout_file import PayoutFile, PayoutFileStart
from workflows.payout_run import PayoutRun, PayoutRunStart
from workflows.personal_batch import PersonalBatch, PersonalBatchStart
from workflows.settings import TASK_QUEUE

BANK_STATE_NIGHTLY = "bank-state-nightly"
CAMPAIGNS_DAILY = "campaigns-daily"
PERSONAL_NIGHTLY = "personal-nightly"
PAYOUTS_DAILY = "payouts-daily"
PAYOUT_FILE_NIGHTLY = "payout-file-nightly"


def bank_state_nightly(task_queue: str = TASK_QUEUE) -> Schedule:
    """22:00 in Shanghai, every day; a night missed by an outage is made up for within 12 hours.

    A fetch still running means that the bank is down; the state file tells all days at once when it is back.
    """
    action = ScheduleActionStartWorkflow(
        BankStateFetch.run,
        BankStateStart(),
        id=BANK_STATE_NIGHTLY,
        task_queue=task_queue,
        static_summary="每晚取回银行结果",
    )
    return _daily(action, 22, 0, overlap=ScheduleOverlapPolicy.SKIP, note="每晚22:00（上海时间）取回银行制卡结果")


def campaigns_daily(task_queue: str = TASK_QUEUE) -> Schedule:
    """00:05 in Shanghai, every day; the next answer says all that one which is still running would."""
    action = ScheduleActionStartWorkflow(
        CampaignOpening.run, id=CAMPAIGNS_DAILY, task_queue=task_queue, static_summary="每日开启到期的参保活动"
    )
    return _daily(action, 0, 5, overlap=ScheduleOverlapPolicy.SKIP, note="每日0:05（上海时间）开启到期的参保活动")


def personal_nightly(task_queue: str = TASK_QUEUE) -> Schedule:
    """00:10 in Shanghai, for the day that has just ended. Every day is gathered: the next waits its turn."""
    action = ScheduleActionStartWorkflow(
        PersonalBatch.run,
        PersonalBatchStart(),
        id=PERSONAL_NIGHTLY,
        task_queue=task_queue,
        static_summary="每晚汇总个人参保",
    )
    note = "每晚0:10（上海时间）汇总前一日的个人参保"
    return _daily(action, 0, 10, overlap=ScheduleOverlapPolicy.BUFFER_ALL, note=note)


def payouts_daily(task_queue: str = TASK_QUEUE) -> Schedule:
    """09:30 in Shanghai, every day; a run still at it gathers all that the next one would."""
    action = ScheduleActionStartWorkflow(
        PayoutRun.run, PayoutRunStart(), id=PAYOUTS_DAILY, task_queue=task_queue, static_summary="每日汇总划款"
    )
    return _daily(action, 9, 30, overlap=ScheduleOverlapPolicy.SKIP, note="每日9:30（上海时间）汇总待划款的给付")


def payout_file_nightly(task_queue: str = TASK_QUEUE) -> Schedule:
    """22:30 in Shanghai, every day. Each file tells its own day: the next waits its turn."""
    action = ScheduleActionStartWorkflow(
        PayoutFile.run,
        PayoutFileStart(),
        id=PAYOUT_FILE_NIGHTLY,
        task_queue=task_queue,
        static_summary="每晚取回划款结果",
    )
    note = "每晚22:30（上海时间）取回银行划款结果"
    return _daily(action, 22, 30, overlap=ScheduleOverlapPolicy.BUFFER_ALL, note=note)


def _daily(
    action: ScheduleActionStartWorkflow, hour: int, minute: int, *, overlap: ScheduleOverlapPolicy, note: str
) -> Schedule:
    at = ScheduleCalendarSpec(hour=[ScheduleRange(hour)], minute=[ScheduleRange(minute)])
    return Schedule(
        action=action,
        spec=ScheduleSpec(calendars=[at], time_zone_name="Asia/Shanghai"),
        policy=SchedulePolicy(overlap=overlap, catchup_window=timedelta(hours=12), pause_on_failure=True),
        state=ScheduleState(note=note),
    )


SCHEDULES: Mapping[str, Callable[[str], Schedule]] = {
    BANK_STATE_NIGHTLY: bank_state_nightly,
    CAMPAIGNS_DAILY: campaigns_daily,
    PERSONAL_NIGHTLY: personal_nightly,
    PAYOUTS_DAILY: payouts_daily,
    PAYOUT_FILE_NIGHTLY: payout_file_nightly,
}


async def ensure_schedules(client: Client, task_queue: str = TASK_QUEUE) -> None:
    """Make the schedules, or bring them up to date. One that staff paused stays paused. Safe to repeat."""
    for name, wanted in SCHEDULES.items():
        await _ensure(client, name, wanted(task_queue))


async def _ensure(client: Client, name: str, wanted: Schedule) -> None:
    try:
        await client.create_schedule(name, wanted, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:

        def renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
            wanted.state = found.description.schedule.state
            return ScheduleUpdate(wanted)

        await client.get_schedule_handle(name).update(renewed, rpc_timeout=RPC_TIMEOUT)


async def fetch_bank_state(
    client: Client, day: date, task_queue: str = TASK_QUEUE
) -> WorkflowHandle[BankStateFetch, FetchBankStateResult]:
    """Fetch one day's state now, by hand or for a rehearsal. Asked twice in one second it is fetched once."""
    return await client.start_workflow(
        BankStateFetch.run,
        BankStateStart(day=day),
        id=f"bank-state/{day}/{_second()}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"取回 {day} 的银行结果",
        rpc_timeout=RPC_TIMEOUT,
    )


async def open_campaigns(
    client: Client, task_queue: str = TASK_QUEUE
) -> WorkflowHandle[CampaignOpening, CampaignsStarted]:
    """Start the campaigns whose first day has come now, by hand or for a rehearsal."""
    return await client.start_workflow(
        CampaignOpening.run,
        id=f"campaigns/{_second()}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="开启到期的参保活动",
        rpc_timeout=RPC_TIMEOUT,
    )


async def batch_personal(
    client: Client, day: date, task_queue: str = TASK_QUEUE
) -> WorkflowHandle[PersonalBatch, PersonalBatched]:
    """Gather one day's personal enrolments now, by hand or for a rehearsal."""
    return await client.start_workflow(
        PersonalBatch.run,
        PersonalBatchStart(day=day),
        id=f"personal/{day}/{_second()}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"汇总 {day} 的个人参保",
        rpc_timeout=RPC_TIMEOUT,
    )


async def gather_payouts(
    client: Client, day: date, task_queue: str = TASK_QUEUE
) -> WorkflowHandle[PayoutRun, PayoutsGathered]:
    """Gather what is ready to be paid now, by hand or for a rehearsal."""
    return await client.start_workflow(
        PayoutRun.run,
        PayoutRunStart(day=day),
        id=f"payouts/{day}/{_second()}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"汇总 {day} 的划款",
        rpc_timeout=RPC_TIMEOUT,
    )


async def fetch_payout_file(
    client: Client, day: date, task_queue: str = TASK_QUEUE
) -> WorkflowHandle[PayoutFile, PayoutFileFetched]:
    """Fetch one day's payout file now, by hand or for a rehearsal."""
    return await client.start_workflow(
        PayoutFile.run,
        PayoutFileStart(day=day),
        id=f"payout-file/{day}/{_second()}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"取回 {day} 的划款结果",
        rpc_timeout=RPC_TIMEOUT,
    )


def _second() -> str:
    return f"{datetime.now(SHANGHAI):%Y%m%d%H%M%S}"
