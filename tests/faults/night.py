"""Operators who have the bank's state fetched, again and again: what callbacks do not bring, this must."""

import asyncio
from datetime import datetime

from temporalio.client import Client
from temporalio.service import RPCError

from unioncard.dates import SHANGHAI
from workflows.client import RPC_TIMEOUT, connect
from workflows.schedules import BANK_STATE_NIGHTLY, fetch_bank_state
from workflows.settings import WorkflowsSettings

EVERY_S = 5.0


class Night:
    """Triggers the nightly schedule as people do in the Temporal UI, and every other time fetches the day by hand.

    A fetch that has failed some times waits longer and longer, and meanwhile the schedule skips: by hand it goes on.
    """

    def __init__(self, settings: WorkflowsSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self.fetches = 0

    async def run(self) -> None:
        """Every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.fall()

    async def fall(self) -> None:
        """Trigger it once; Temporal may be away, then later."""
        while True:
            try:
                if self._client is None:
                    self._client = await connect(self._settings)
                if self.fetches % 2:
                    await fetch_bank_state(self._client, datetime.now(SHANGHAI).date())
                else:
                    await self._client.get_schedule_handle(BANK_STATE_NIGHTLY).trigger(rpc_timeout=RPC_TIMEOUT)
            except (RPCError, RuntimeError):
                await asyncio.sleep(1.0)
            else:
                self.fetches += 1
                return
