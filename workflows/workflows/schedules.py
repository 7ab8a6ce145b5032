"""What starts by itself."""

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
from unioncard.dates import SHANGHAI
from workflows.bank_state import BankStateFetch, BankStateStart
from workflows.client import RPC_TIMEOUT
from workflows.settings import TASK_QUEUE

BANK_STATE_NIGHTLY = "bank-state-nightly"


def bank_state_nightly(task_queue: str = TASK_QUEUE) -> Schedule:
    """22:00 in Shanghai, every day; a night missed by an outage is made up for within 12 hours."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            BankStateFetch.run,
            BankStateStart(),
            id=BANK_STATE_NIGHTLY,
            task_queue=task_queue,
            static_summary="每晚取回银行结果",
        ),
        spec=ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(22)])], time_zone_name="Asia/Shanghai"),
        policy=SchedulePolicy(
            # A fetch still running means that the bank is down; the state file tells all days at once when it is back.
            overlap=ScheduleOverlapPolicy.SKIP,
            catchup_window=timedelta(hours=12),
            pause_on_failure=True,
        ),
        state=ScheduleState(note="每晚22:00（上海时间）取回银行制卡结果"),
    )


async def ensure_schedules(client: Client, task_queue: str = TASK_QUEUE) -> None:
    """Make the schedules, or bring them up to date. One that staff paused stays paused. Safe to repeat."""
    wanted = bank_state_nightly(task_queue)
    try:
        await client.create_schedule(BANK_STATE_NIGHTLY, wanted, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:

        def renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
            wanted.state = found.description.schedule.state
            return ScheduleUpdate(wanted)

        await client.get_schedule_handle(BANK_STATE_NIGHTLY).update(renewed, rpc_timeout=RPC_TIMEOUT)


async def fetch_bank_state(
    client: Client, day: date, task_queue: str = TASK_QUEUE
) -> WorkflowHandle[BankStateFetch, FetchBankStateResult]:
    """Fetch one day's state now, by hand or for a rehearsal. Asked twice in one second it is fetched once."""
    return await client.start_workflow(
        BankStateFetch.run,
        BankStateStart(day=day),
        id=f"bank-state/{day}/{datetime.now(SHANGHAI):%Y%m%d%H%M%S}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"取回 {day} 的银行结果",
        rpc_timeout=RPC_TIMEOUT,
    )
