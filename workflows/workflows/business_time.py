"""Waiting in business time: real time, or the rehearsal clock's.

Under replay nothing here may differ, so the table of segments comes in with the workflow's input and changes reach it
as signals; no file or clock is read.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from unioncard.clock_segments import Segment, business_at, real_at

#: Workflows that wait in business time and so take the signal ``clock_changed``.
TIMED_WORKFLOWS = ("CardBatch", "EnrolmentCampaign", "DistrictEnrolment", "PremiumPayment", "Claim", "PayoutBatch")

_SHORTEST = timedelta(milliseconds=1)


class BusinessTime:
    """One workflow's view of the clock. Goes only forward."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = tuple(segments)
        self._latest: datetime | None = None

    @property
    def segments(self) -> list[Segment]:
        """The table as this workflow knows it, to be carried on."""
        return list(self._segments)

    def now(self) -> datetime:
        """The current business instant."""
        reached = business_at(self._segments, workflow.now())
        self._latest = reached if self._latest is None else max(self._latest, reached)
        return self._latest

    def changed(self, segments: Sequence[Segment]) -> None:
        """Take over a newer table; waits re-arm their timers by it.

        The table only grows, so of two that arrive in the wrong order the longer one is right.
        """
        if len(segments) > len(self._segments):
            self.now()
            self._segments = tuple(segments)

    async def until(self, deadline: datetime, *, or_when: Callable[[], bool], summary: str) -> bool:
        """Wait until ``or_when()`` is true, at most until business time reaches ``deadline``.

        True when the condition came, False when the deadline did. ``deadline`` is the first instant too late;
        ``summary`` is Chinese, it names the timer in the Temporal UI. Where the clock stands still before the
        deadline there is no timer until a new segment arrives.
        """
        while not or_when():
            if self.now() >= deadline:
                return False
            fires_at = real_at(self._segments, deadline)
            left = None if fires_at is None else max(fires_at - workflow.now(), _SHORTEST)
            await self._pause(left, or_when, summary)
        return True

    async def _pause(self, left: timedelta | None, or_when: Callable[[], bool], summary: str) -> None:
        table = self._segments
        with contextlib.suppress(asyncio.TimeoutError):
            await workflow.wait_condition(
                lambda: or_when() or self._segments != table, timeout=left, timeout_summary=summary
            )


async def signal_clock_changed(client: Client, segments: Sequence[Segment]) -> int:
    """Tell every running workflow that waits in business time; returns how many were told.

    Write the segments' file first: workflows started from then on know the new table. Those that started just before
    may not be listed yet, so the list is read again until it holds nobody new.
    """
    kinds = ", ".join(f"'{name}'" for name in TIMED_WORKFLOWS)
    told: set[str] = set()
    while True:
        fresh = 0
        async for running in client.list_workflows(f"WorkflowType IN ({kinds}) AND ExecutionStatus = 'Running'"):
            if running.run_id not in told:
                told.add(running.run_id)
                fresh += 1
                await _signal(client, running.id, segments)
        if not fresh:
            return len(told)
        await asyncio.sleep(1.0)


async def _signal(client: Client, workflow_id: str, segments: Sequence[Segment]) -> None:
    try:
        await client.get_workflow_handle(workflow_id).signal("clock_changed", list(segments))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # it ended meanwhile
            raise
