"""The worker: runs workflows and sends their commands."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TypedDict

import structlog
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import (
    PollerBehavior,
    PollerBehaviorAutoscaling,
    PollerBehaviorSimpleMaximum,
    Worker,
    WorkerDeploymentConfig,
)

from unioncard.clock import FileClock
from unioncard.messaging.kafka import Sender
from workflows.bank_state import BankStateFetch
from workflows.business_day import BusinessDay
from workflows.campaign_opening import CampaignOpening
from workflows.card_batch import CardBatch
from workflows.card_check import CardCheck
from workflows.claim import Claim
from workflows.client import RPC_TIMEOUT
from workflows.district_enrolment import DistrictEnrolment
from workflows.enrolment_campaign import EnrolmentCampaign
from workflows.exclusion_check import ExclusionCheck
from workflows.payout_batch import PayoutBatch
from workflows.payout_file import PayoutFile
from workflows.payout_run import PayoutRun
from workflows.personal_batch import PersonalBatch
from workflows.premium_payment import PremiumPayment
from workflows.sending import CommandSender
from workflows.settings import TASK_QUEUE

log = structlog.get_logger()


class WorkflowTasks(TypedDict):
    """How a worker takes workflow tasks, as its arguments."""

    workflow_task_poller_behavior: PollerBehavior
    nonsticky_to_sticky_poll_ratio: float
    max_concurrent_workflow_tasks: int
    max_cached_workflows: int
    sticky_queue_schedule_to_start_timeout: timedelta


DEPLOYMENT = "unioncard-workflows"
WORKFLOWS = [
    CardBatch,
    CardCheck,
    BankStateFetch,
    CampaignOpening,
    EnrolmentCampaign,
    DistrictEnrolment,
    ExclusionCheck,
    PremiumPayment,
    PersonalBatch,
    Claim,
    PayoutBatch,
    PayoutRun,
    PayoutFile,
]


#: What has begun goes before what is new, and waits for its turn. Pollers that scale by themselves let both in alike:
#: with more to do than the worker can, what had begun waited for more than the ten seconds after which Temporal takes
#: it for lost, and came again with its whole history; four of five tasks were for nothing.
WORKFLOW_TASKS: WorkflowTasks = {
    "workflow_task_poller_behavior": PollerBehaviorSimpleMaximum(10),
    "nonsticky_to_sticky_poll_ratio": 0.2,
    "max_concurrent_workflow_tasks": 32,
    # What is not kept is read again with its whole history; thousands of claims are under way in a rush.
    "max_cached_workflows": 4000,
    "sticky_queue_schedule_to_start_timeout": timedelta(seconds=30),
}


def make_worker(
    client: Client,
    producer: Sender,
    *,
    build: str,
    clock: FileClock | None = None,
    task_queue: str = TASK_QUEUE,
    workflows: Sequence[type] = WORKFLOWS,
) -> Worker:
    """A worker for ``workflows``, by default all there are."""
    versions = WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build),
        use_worker_versioning=True,
        # The worker's default and never in @workflow.defn, where it would hang with an unversioned worker. Running
        # workflows move to the current build; patch markers in the code and replayed histories make that safe.
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
    day = BusinessDay(clock)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=[CommandSender(producer).send, day.of, day.table],
        **WORKFLOW_TASKS,
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        # A command that is being sent when the worker is told to stop is sent to the end.
        graceful_shutdown_timeout=timedelta(seconds=5),
        deployment_config=versions,
    )


async def promote(client: Client, build: str) -> None:
    """Make a build the one that workflows run on; waits until Temporal has seen a worker of it."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=DEPLOYMENT,
        build_id=build,
        identity=client.identity,
        ignore_missing_task_queues=True,
    )
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request, timeout=RPC_TIMEOUT)
            log.info("worker.promoted", build=build)
            return
        except RPCError as error:
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                raise
            log.info("worker.promoting", build=build, status=error.status.name)
            await asyncio.sleep(0.3)
