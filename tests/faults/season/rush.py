"""The last two hours of the unions' window, midnight, and who comes too late."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import psycopg

from tests.faults.season.ground import SeasonGround, Union
from tests.faults.season.plan import BRINK, LAST_HOURS, MIDNIGHT, Intent, Kind, Manner, Strike
from tests.faults.season.witness import Sent
from unioncard.settings import Settings
from unioncard_cli.place import StackError

#: Two hours in some twenty seconds.
SPEED = 350.0
PATIENCE_S = 30.0
#: Connections that the service's consumer and dispatchers may hold meanwhile.
NOT_FOR_REQUESTS = 4
_BLOCKED = "SELECT count(*) FROM pg_locks WHERE relation = 'idempotency_keys'::regclass AND NOT granted"

Begin = Callable[[str], None]


@dataclass(slots=True)
class Rush:
    """``sent`` are all lists that anybody sent.

    ``on_the_brink_s``: at this monotonic moment, before midnight, the service had all that was sent a second earlier.
    """

    ground: SeasonGround
    unions: Sequence[Union]
    begin: Begin
    sent: list[Sent] = field(default_factory=list)
    on_the_brink_s: float = 0.0

    def last_hours(self) -> None:
        """Every union sends its lists at its moments, until the clock stands still a second before midnight."""
        self.ground.clock.move(LAST_HOURS)
        self.ground.clock.run_up_to(BRINK, SPEED)
        with ThreadPoolExecutor(1) as teller:
            told = teller.submit(self.ground.clock.tell)
            self._all_at_once(self._in_time)
            told.result()
        self.ground.clock.wait_for(BRINK)

    def midnight(self, strike: Strike | None) -> None:
        """Requests come before midnight and are kept waiting until after it; then comes the strike.

        They wait for a table in which each must note its key before it does anything else.
        """
        asked = [(one, intent) for one in self.unions for intent in _of(one, Kind.IN_FLIGHT)]
        with ThreadPoolExecutor(len(asked)) as pool:
            with self._nobody_gets_through():
                jobs = [pool.submit(self._send, one, intent) for one, intent in asked]
                self._wait_until_they_came(sum(intent.manner is not Manner.HUNG_UP for _, intent in asked))
                self.ground.clock.jump(MIDNIGHT)
            if strike is not None:
                self._strike(strike, {one.wanted(intent).key for one, intent in asked})
            for job in jobs:
                job.result()

    def too_late(self) -> None:
        """Who comes after midnight; and who sends again what was sent before it."""
        self._all_at_once(self._after_midnight)

    def _strike(self, strike: Strike, keys: Collection[str]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.ground.witnessed.answered(keys) < strike.answers and time.monotonic() < deadline:
            time.sleep(0.001)
        with suppress(StackError):  # it is down already, which no plan wants and none can rule out
            self.begin(f"kill -9 {strike.process} ({self.ground.stack.kill(strike.process)}) after midnight")

    def _all_at_once(self, work: Callable[[Union], None]) -> None:
        with ThreadPoolExecutor(len(self.unions)) as pool:
            list(pool.map(work, self.unions))

    def _in_time(self, one: Union) -> None:
        for intent in _of(one, Kind.RUSH):
            self.ground.clock.wait_for(intent.moment)
            self._send(one, intent)

    def _after_midnight(self, one: Union) -> None:
        for intent in _of(one, Kind.LATE):
            self._send(one, intent)
        for intent in one.plan.intents:
            if intent.manner is Manner.AGAIN:
                self.begin(f"{one.operator.login}: list {intent.place} again")
                one.operator.submit(one.wanted(intent))

    def _send(self, one: Union, intent: Intent) -> None:
        self.begin(f"{one.operator.login}: list {intent.place} ({intent.kind}, {intent.manner})")
        sent = one.wanted(intent)
        self.sent.append(sent)
        match intent.manner:
            case Manner.HUNG_UP:
                one.operator.submit_and_hang_up(sent)
            case Manner.TWICE:
                twin = threading.Thread(target=one.operator.submit, args=(sent,))
                twin.start()
                one.operator.submit(sent)
                twin.join()
            case _:
                one.operator.submit(sent)

    @contextmanager
    def _nobody_gets_through(self) -> Iterator[None]:
        with psycopg.connect(self._database()) as conn:
            conn.execute("LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE")
            yield

    def _wait_until_they_came(self, count: int) -> None:
        """Requests hold nearly all connections that the service has, and it answers whatever comes after them."""
        wanted = min(count, self._connections() - NOT_FOR_REQUESTS)
        deadline = time.monotonic() + PATIENCE_S
        with psycopg.connect(self._database(), autocommit=True) as conn:
            while _number(conn, _BLOCKED) < wanted:
                if time.monotonic() > deadline:
                    raise StackError(f"{_number(conn, _BLOCKED)} of {wanted} requests came to wait before midnight")
                time.sleep(0.02)
        time.sleep(1.0)  # those that have no connection yet are nowhere to be seen
        for _ in range(3):
            httpx.get(f"{self.ground.stack.place.url('insurance-svc')}/healthz", timeout=30).raise_for_status()
        self.on_the_brink_s = time.monotonic()
        assert self.ground.clock.now() < MIDNIGHT

    def _connections(self) -> int:
        """How many the service opens at most."""
        settings = Settings()
        return settings.database_pool_size + settings.database_pool_overflow

    def _database(self) -> str:
        url = self.ground.stack.environment()["UNIONCARD_DATABASE_URL"]
        return url.replace("/postgres?", "/unioncard_insurance?")


def _of(one: Union, kind: Kind) -> list[Intent]:
    return [intent for intent in one.plan.intents if intent.kind is kind]


def _number(conn: psycopg.Connection[tuple[int]], query: str) -> int:
    row = conn.execute(query).fetchone()
    return row[0] if row else 0
