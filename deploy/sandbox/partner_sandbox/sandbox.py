"""What every part of the running program shares, and how a request finds it."""

import asyncio
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, cast
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from partner_sandbox.behaviour import Behaviour
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store, wipe
from unioncard.clock import Clock

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(slots=True)
class Sandbox:
    """The store, the behaviour in force, and the bells of its loops."""

    settings: Settings
    store: Store
    clock: Clock
    bank_secret: str
    behaviour: Behaviour
    batch_accepted: asyncio.Event = field(default_factory=asyncio.Event)
    payouts_accepted: asyncio.Event = field(default_factory=asyncio.Event)
    callback_ready: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> datetime:
        """The business time in Shanghai, to the millisecond."""
        moment = self.clock.now().astimezone(SHANGHAI)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    async def recall_behaviour(self) -> None:
        """Behave as before the restart."""
        stored = await self.store.read(_stored_behaviour)
        self.behaviour = self.settings.sandbox_behaviour if stored is None else stored

    async def behave(self, behaviour: Behaviour) -> None:
        """Behave so until told otherwise, also after a restart."""
        await self.store.write(_store_behaviour, behaviour)
        self.behaviour = behaviour

    async def reset(self) -> None:
        """Forget everything; behave as the settings say."""
        await self.store.write(wipe)
        self.behaviour = self.settings.sandbox_behaviour


def sandbox_of(request: Request) -> Sandbox:
    """The sandbox that serves this request."""
    return cast(Sandbox, request.app.state.sandbox)


TheSandbox = Annotated[Sandbox, Depends(sandbox_of)]


def _stored_behaviour(connection: sqlite3.Connection) -> Behaviour | None:
    row = connection.execute("SELECT value FROM control WHERE name = 'behaviour'").fetchone()
    return Behaviour.model_validate_json(row["value"]) if row else None


def _store_behaviour(connection: sqlite3.Connection, behaviour: Behaviour) -> None:
    connection.execute(
        "INSERT INTO control (name, value) VALUES ('behaviour', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [behaviour.model_dump_json()],
    )
