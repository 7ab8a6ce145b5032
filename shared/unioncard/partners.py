"""Calls to partners: recorded in a handler's transaction, made outside of any, answered in one of their own.

With a call inside a handler, a slow partner would hold the transaction and the partition, and a second consumer would
soon work on the same message while the first still does. So the handler only notes what is to be asked; a dispatcher
leases the note, calls, and writes result and reply together. A crash in between lets the lease run out and the call
is made again, which the partner counts once by the business number.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import psycopg
import sqlalchemy as sa
import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncEngine

from unioncard import telemetry
from unioncard.contracts.replies import CommandFailed
from unioncard.messaging import inbox
from unioncard.messaging.consumer import is_infrastructure
from unioncard.messaging.handling import Outcome, publish_reply, reply_of, stored
from unioncard.unit_of_work import Transaction, UnitOfWork

log = structlog.get_logger()

CHANNEL = "partner_calls"
# A dispatcher that dies is replaced after this; one that lives renews its leases three times meanwhile.
LEASE_S = 10.0


class PartnerDown(Exception):
    """The partner did not do it, or we cannot know whether it did. Asking again is right. English, no personal data."""


class NotReady(Exception):
    """What the call needs is not there yet; the partner was not asked. English, no personal data."""


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be recorded: which partner, what to ask, and the command it answers."""

    partner: str
    operation: str
    request: dict[str, Any]
    inbox_key: str
    command: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """A leased call."""

    id: int
    lease: int
    operation: str
    request: dict[str, Any]
    inbox_key: str
    command: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """How one kind of call is made and recorded.

    ``ask`` talks to the partner, outside of any transaction; it may read the database first. It raises
    :class:`PartnerDown` where asking again is right, :class:`NotReady` where it could not ask. ``record`` writes what
    was learnt and says how the command ends: never :class:`Pending`. Any other error of either
    gives the command back as failed, with its kind and place.
    """

    ask: Callable[[AsyncEngine, Call], Awaitable[Any]]
    record: Callable[[Transaction, Call, Any], Awaitable[Outcome]]
    timeout_s: float | None = None
    """Where one call takes longer than the dispatcher allows the others."""


_RECORD = sa.text("""
    INSERT INTO partner_calls (partner, operation, request, inbox_key, command, traceparent)
    SELECT partner, operation, CAST(request AS jsonb), inbox_key, command, traceparent
    FROM unnest(CAST(:partners AS text[]), CAST(:operations AS text[]), CAST(:requests AS text[]),
                CAST(:keys AS text[]), CAST(:commands AS text[]), CAST(:traceparents AS text[]))
         AS new(partner, operation, request, inbox_key, command, traceparent)
    ON CONFLICT (inbox_key) DO NOTHING
""")

_LEASE = sa.text("""
    WITH free AS MATERIALIZED (
        SELECT id FROM partner_calls
        WHERE partner = :partner AND (leased_until IS NULL OR leased_until < clock_timestamp())
        ORDER BY id LIMIT :free FOR UPDATE SKIP LOCKED)
    UPDATE partner_calls SET lease = lease + 1, leased_until = clock_timestamp() + make_interval(secs => :lease_s)
    FROM free WHERE partner_calls.id = free.id
    RETURNING partner_calls.id, lease, operation, request, inbox_key, command, traceparent
""")

_WAITING = sa.text("SELECT count(*) FROM partner_calls WHERE partner = :partner")

_RENEW = sa.text("""
    UPDATE partner_calls SET leased_until = clock_timestamp() + make_interval(secs => :lease_s)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:leases AS bigint[])) AS held(id, lease)
    WHERE partner_calls.id = held.id AND partner_calls.lease = held.lease
""")

_FINISH = sa.text("DELETE FROM partner_calls WHERE id = :id AND lease = :lease")


async def record_calls(tx: Transaction, calls: Sequence[NewCall]) -> None:
    """Note calls to partners with one statement; a dispatcher makes them after the commit."""
    if not calls:
        return
    await tx.conn.execute(
        _RECORD,
        {
            "partners": [c.partner for c in calls],
            "operations": [c.operation for c in calls],
            "requests": [orjson.dumps(c.request).decode() for c in calls],
            "keys": [c.inbox_key for c in calls],
            "commands": [c.command for c in calls],
            "traceparents": [c.traceparent for c in calls],
        },
    )
    await tx.conn.exec_driver_sql(f"NOTIFY {CHANNEL}")


class CircuitBreaker:
    """After ``failures`` in a row no call is made for ``pause_s``; then one may try, and how it ends decides."""

    def __init__(self, failures: int = 5, pause_s: float = 5.0) -> None:
        self._limit = failures
        self._pause_s = pause_s
        self._failures = 0
        self._next_try = 0.0

    def allows(self, wanted: int) -> int:
        """How many of ``wanted`` calls may be made now: all, none, or the one that tries."""
        if self._failures < self._limit:
            return wanted
        return min(wanted, 1) if time.monotonic() >= self._next_try else 0

    def begin(self) -> None:
        """A call is made. While the circuit is open it is the one that tries, and the next comes after a pause."""
        self._next_try = time.monotonic() + self._pause_s

    def note(self, *, worked: bool) -> None:
        """Count how a call that was made ended."""
        self._failures = 0 if worked else self._failures + 1
        self._next_try = time.monotonic() + self._pause_s


class Dispatcher:
    """Makes the recorded calls to one partner, a bounded number at a time."""

    def __init__(
        self,
        partner: str,
        operations: Mapping[str, Operation],
        work: UnitOfWork,
        url: str,
        *,
        concurrency: int = 4,
        timeout_s: float = 30.0,
        lease_s: float = LEASE_S,
    ) -> None:
        self._partner = partner
        self._operations = operations
        self._work = work
        self._url = url
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._lease_s = lease_s
        self._breaker = CircuitBreaker()
        self._running: dict[asyncio.Task[None], Call] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Dispatch for ever."""
        aside = [asyncio.create_task(self._listen()), asyncio.create_task(self._renew())]
        try:
            while True:
                try:
                    await self._dispatch()
                except Exception as error:
                    if not is_infrastructure(error):
                        raise
                    log.warning("partner.waiting", partner=self._partner, error=type(error).__name__)
                    await asyncio.sleep(1.0)
                await self._sleep()
        finally:
            for task in (*aside, *self._running):
                task.cancel()

    async def _sleep(self) -> None:
        # Not wait_for: in Python 3.11 it forgets a cancellation that comes in the moment of waking, and we never end.
        try:
            async with asyncio.timeout(1.0):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as conn:
                    await conn.execute(f"LISTEN {CHANNEL}".encode())
                    async for _ in conn.notifies():
                        self._wake.set()
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
                await asyncio.sleep(1.0)

    async def _dispatch(self) -> None:
        # Calls that may not be made stay where they are: handed back as failed, each would come again and again, and
        # then wait out the pause that its workflow makes between tries when the partner has long been back.
        free = self._breaker.allows(self._concurrency - len(self._running))
        if free <= 0:
            return
        async with self._work.engine.begin() as conn:
            values = {"partner": self._partner, "free": free, "lease_s": self._lease_s}
            calls = [Call(*row) for row in await conn.execute(_LEASE, values)]
        for call in calls:
            self._breaker.begin()
            task = asyncio.create_task(self._make(call))
            self._running[task] = call
            task.add_done_callback(self._finished)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s * 0.3)
            held = list(self._running.values())
            values = {"ids": [c.id for c in held], "leases": [c.lease for c in held], "lease_s": self._lease_s}
            try:
                async with self._work.engine.begin() as conn:
                    if held:
                        await conn.execute(_RENEW, values)
                    waiting = await conn.scalar(_WAITING, {"partner": self._partner})
                telemetry.partner_waiting.labels(self._partner).set(waiting or 0)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("partner.lease_not_renewed", partner=self._partner, error=type(error).__name__)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            # The call stays leased and is made again when the lease runs out.
            log.error("partner.call_failed", partner=self._partner, error=telemetry.kind_and_place(error))

    async def _make(self, call: Call) -> None:
        operation = self._operations[call.operation]
        name = f"{self._partner} {call.operation}"
        with telemetry.span(name, kind=SpanKind.CLIENT, parent=call.traceparent):
            try:
                answer = await self._ask(operation, call)
                await self._persist(partial(self._settle, call, operation, answer))
            except PartnerDown as error:
                log.warning("partner.down", partner=self._partner, operation=call.operation, error=str(error))
                await self._persist(partial(self._give_back, call, str(error)))
            except NotReady as error:
                log.info("partner.not_ready", partner=self._partner, operation=call.operation, reason=str(error))
                await self._persist(partial(self._give_back, call, str(error)))
            except Exception as error:
                # Nobody foresaw it; silence would leave the workflow waiting and the partner asked for ever.
                reason = telemetry.kind_and_place(error)
                log.error("partner.call_failed", partner=self._partner, operation=call.operation, error=reason)
                await self._persist(partial(self._give_back, call, reason))

    async def _ask(self, operation: Operation, call: Call) -> Any:
        """What the partner says, or :class:`PartnerDown`."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(operation.timeout_s or self._timeout_s):
                answer = await operation.ask(self._work.engine, call)
        except (PartnerDown, TimeoutError) as error:
            self._note(started, worked=False)
            raise PartnerDown(str(error) or "timed out") from None
        self._note(started, worked=True)
        return answer

    def _note(self, started: float, *, worked: bool) -> None:
        self._breaker.note(worked=worked)
        outcome = "answered" if worked else "failed"
        telemetry.partner_seconds.labels(self._partner, outcome).observe(time.monotonic() - started)

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """What the partner said is precious: while the database is away, wait with it in hand."""
        while True:
            try:
                return await write()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("partner.database_away", partner=self._partner, error=type(error).__name__)
                await asyncio.sleep(1.0)

    async def _settle(self, call: Call, operation: Operation, answer: Any) -> None:
        """Write what the partner said and the reply, unless another dispatcher already has."""
        async with self._work.begin(f"partner:{self._partner}") as tx:
            if not await self._finish(tx, call):
                return
            addresses = await inbox.take_addresses(tx.conn, call.inbox_key)
            outcome = await operation.record(tx, call, answer)
            reply = reply_of(call.command, outcome)
            assert reply is not None  # a call that was answered ends its command
            await inbox.answer(tx.conn, {call.inbox_key: stored(reply)})
            for address in addresses:
                publish_reply(tx, address, call.inbox_key, reply, telemetry.current_traceparent())

    async def _give_back(self, call: Call, reason: str) -> None:
        """Forget the command and tell its workflow, whose retry policy is the only retry loop."""
        async with self._work.begin(f"partner:{self._partner}") as tx:
            if not await self._finish(tx, call):
                return
            addresses = await inbox.take_addresses(tx.conn, call.inbox_key)
            await inbox.forget(tx.conn, [call.inbox_key])
            failed = CommandFailed(command=call.command, reason=f"{self._partner}: {reason}"[:500])
            for address in addresses:
                publish_reply(tx, address, call.inbox_key, failed, telemetry.current_traceparent())

    async def _finish(self, tx: Transaction, call: Call) -> bool:
        return (await tx.conn.execute(_FINISH, {"id": call.id, "lease": call.lease})).rowcount == 1
