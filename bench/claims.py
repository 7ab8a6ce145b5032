"""Claims on the whole stack: filed, decided by the rules, and paid in batches; and a day's payout file.

Unions file and bring papers as fast as the service lets them, the centre pays what is ready every few seconds. Beside
it, in the same run, bare workflows of as many steps: what a paid claim's history shows as commands and signals, each a
round trip without any promise.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import psycopg
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench import claimants, processes, topics
from bench.city import FEDERATION, FIRST_MEMBER, Size, Tokens
from bench.echo.contracts import BARE_COMMANDS, BARE_REPLIES
from bench.echo.workflow import BARE_QUEUE, Plan, Rounds
from bench.ground import TRACES, BenchError, Child, Ground, children, database_url, seconds_since, settings_of
from bench.http_line import HttpLine
from bench.results import Row, Target, percentile
from unioncard.principal import Role
from unioncard_cli.place import REPOSITORY
from unioncard_cli.scenery import service_command
from unioncard_cli.season.clock import StackClock
from unioncard_cli.season.opening import load_rules
from unioncard_cli.season.voucher import png
from unioncard_cli.stack import Stack
from workflows.client import connect
from workflows.schedules import fetch_payout_file

QUICK, USUAL, WHOLE = 200, 2_000, 10_000
FILE, QUICK_FILE = 10_000, 200
UNIONS, DISTRICTS = 50, 4
SHARE_OF_BARE, PER_SECOND, DECISION_MS, FILE_S, EVENTS = 0.6, 5.0, 300.0, 30.0, 150
#: Unions that file at the same moment; the centre looks at what is to be paid so often.
HANDS, PAY_EVERY_S = 8, 5.0
#: Of the decision's latency: so many claims, one each half second.
DECIDED, DECIDED_EVERY_S = 60, 0.5
BARE_IN_FLIGHT, BARE_EACH = 20, 10
#: Histories that are read: they are all much alike.
LOOKED_AT = 100
LIMIT_S = 3_600.0
DAY = date(2020, 3, 5)
ENV = TRACES | {"UNIONCARD_DECIDE_BY_RULE_UP_TO_FEN": "2000000"}

_CATALOGUE = REPOSITORY / "services" / "claims-svc" / "samples"
_CLAIM = {
    "benefit": "critical_illness",
    "event": "illness",
    "event_day": "2020-02-20",
    "illness_code": "malignant_tumour",
    "hospital": {"name": "上海市示例医院", "place": "shanghai", "level": 3},
    "payee": "own_card",
}
_PAPERS = ("application_form", "identity", "diagnosis", "admission_record")
_STAMP = {"paper": "application_form"}

_PAID = "SELECT count(*) FROM claims WHERE state = 'paid'"
_FILED = "SELECT count(*) FROM claims WHERE state = 'filed'"
_UNPAID = "SELECT count(*) FROM claims WHERE state NOT IN ('paying', 'paid')"
_WAITING = "SELECT count(*) FROM payouts WHERE state = 'waiting'"


@dataclass(slots=True)
class Run:
    """What was seen. Times in seconds."""

    claims: int = 0
    seconds: float = 0.0
    requests: list[float] = field(default_factory=list)
    decisions: list[float] = field(default_factory=list)
    payouts: int = 0
    file_s: float = 0.0
    steps: int = 0
    bare_per_second: float = 0.0
    longest: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Claims:
    """One stack with members on it, and everybody who acts there."""

    ground: Ground
    stack: Stack
    size: Size
    tokens: Tokens
    client: Client
    run: Run = field(default_factory=Run)

    # -- claims ------------------------------------------------------------------------------------------------

    async def file_and_pay(self, members: range) -> None:
        """From the first filing until the last claim is paid."""
        waiting, all_filed = iter(members), asyncio.Event()
        used, begun = processes.cpu_seconds(self.stack), time.perf_counter()
        paying = asyncio.create_task(self.pay(all_filed))
        await asyncio.gather(*(self._work(waiting) for _ in range(HANDS)))
        all_filed.set()
        await paying
        await self.until(_PAID, len(members))
        self.run.claims, self.run.seconds = len(members), seconds_since(begun)
        self.run.cpu = processes.difference(used, processes.cpu_seconds(self.stack))
        self.ground.say(f"{len(members):,} claims in {self.run.seconds:.1f} s")

    async def _work(self, waiting: Iterator[int]) -> None:
        line = await self._line()
        for member in waiting:
            path, token = await self._file(line, member)
            await self._timed(line.upload(f"{path}/papers", token, _pictures(member)))
        line.close()

    async def _file(self, line: HttpLine, member: int) -> tuple[str, str]:
        """File and stamp one claim; its path, and its union's token."""
        union = self._union_of(member)
        token = self.tokens.token(Role.UNION, union)
        filed = await self._timed(line.post("/claims", token, {"member_id": member, **_CLAIM}))
        path = f"/claims/{filed['number']}"
        await self._timed(line.post(f"{path}/stamps", token, _STAMP))
        return path, token

    async def _timed(self, request: Awaitable[Any]) -> Any:
        begun = time.perf_counter()
        answer = (await request).json()
        self.run.requests.append(seconds_since(begun))
        return answer

    async def pay(self, all_filed: asyncio.Event) -> None:
        """Every few seconds what is ready goes to the bank, until all has been decided and gathered."""
        while not all_filed.is_set() or await self._count(_UNPAID):
            with suppress(TimeoutError):
                await asyncio.wait_for(all_filed.wait(), PAY_EVERY_S)
            await self._gather()
            if all_filed.is_set():
                await asyncio.sleep(1.0)

    async def _gather(self) -> None:
        # On a line of its own: one that is idle for seconds is closed by the service.
        line = await self._line()
        (await line.post("/payout-batches", self.tokens.token(Role.CENTRE_PAYER, FEDERATION), {})).json()
        line.close()

    async def decide(self, members: range) -> None:
        """The last paper of one claim after the other, at a steady pace; its answer comes with the decision."""
        line = await self._line()
        waiting = []
        for member in members:
            path, token = await self._file(line, member)
            await self._timed(line.upload(f"{path}/papers", token, _pictures(member)[:-1]))
            waiting.append((path, token, member))
        await self.until(_FILED, 0)
        begun = time.perf_counter()
        sent = [
            asyncio.create_task(self._last_paper(begun + number * DECIDED_EVERY_S, *one))
            for number, one in enumerate(waiting)
        ]
        await asyncio.gather(*sent)
        line.close()

    async def _last_paper(self, at: float, path: str, token: str, member: int) -> None:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        line = await self._line()
        answer = await line.upload(f"{path}/papers", token, _pictures(member)[-1:])
        # From when it was due, so that one that waits for another is not flattered.
        self.run.decisions.append(time.perf_counter() - at)
        if (state := answer.json()["state"]) != "to_pay":
            raise BenchError(f"{path} is {state} after its last paper")
        line.close()

    # -- a day's payout file -----------------------------------------------------------------------------------

    async def payout_file(self, first: int, count: int) -> None:
        """The bank's callbacks are lost; its file of the day brings all answers."""
        await asyncio.to_thread(claimants.approve, self.stack, first, count)
        sandbox = self.stack.place.url("sandbox")
        async with httpx.AsyncClient(base_url=sandbox, timeout=60) as bank:
            silent = {"callback": {"silent_rate": 1.0}}
            (await bank.put("/control/behaviour", json=silent)).raise_for_status()
            before = (await bank.get("/memory/summary")).json()["payouts"]["payouts_paid"]
            await claimants.gather(self.stack, DAY)

            async def answered() -> bool:
                return bool((await bank.get("/memory/summary")).json()["payouts"]["payouts_paid"] >= before + count)

            await _eventually(answered)
        paid = await self._count(_PAID)
        if waiting := await self._count(_WAITING) - count:
            raise BenchError(f"{waiting} payouts more than those of the file wait")
        begun = time.perf_counter()
        await fetch_payout_file(self.client, DAY)
        await self.until(_PAID, paid + count)
        self.run.payouts, self.run.file_s = count, seconds_since(begun)
        self.ground.say(f"a file of {count:,} in {self.run.file_s:.1f} s")

    # -- what it is held against -------------------------------------------------------------------------------

    async def bare(self) -> None:
        """Bare workflows of as many steps as a claim that was paid had."""
        self.run.steps, self.run.longest = await self._steps()
        worker = Child(self.stack, "bare-worker", "bench.echo.bare_worker")
        service = Child(self.stack, "bare-svc", "bench.echo.bare_service", BARE_COMMANDS)
        with children(worker, service):
            for child in (worker, service):
                await child.line()
            service.tell("go")
            await self._bare_round(1)
            begun = time.perf_counter()
            for turn in range(BARE_EACH):
                await self._bare_round(turn + 2)
            self.run.bare_per_second = BARE_EACH * BARE_IN_FLIGHT / seconds_since(begun)

    async def _bare_round(self, turn: int) -> None:
        plan = Plan(self.run.steps, bare=True)
        runs = [
            self.client.execute_workflow(Rounds.run, plan, id=f"bare-claim-{turn}-{number}", task_queue=BARE_QUEUE)
            for number in range(BARE_IN_FLIGHT)
        ]
        await asyncio.gather(*runs)

    async def _steps(self) -> tuple[int, int]:
        """Commands and signals of a claim that was paid; and the longest history of some of them."""
        some = [one.id async for one in self.client.list_workflows("WorkflowType = 'Claim'", limit=LOOKED_AT)]
        kinds = (EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        steps = longest = 0
        for id_ in some:
            events = (await self.client.get_workflow_handle(id_).fetch_history()).events
            longest = max(longest, len(events))
            steps += sum(event.event_type in kinds for event in events)
        return round(steps / len(some)), longest

    async def judge(self) -> None:
        """The service's own laws, and whether the bank paid the same to the fen."""
        federation = self.tokens.operator(self.stack, Role.FEDERATION, FEDERATION)
        summary = await asyncio.to_thread(federation.get, "claims", "/reconciliation/summary")
        self.run.broken = {name: n for name, n in summary.items() if name.endswith(("_astray", "_too_much")) and n}
        async with httpx.AsyncClient(timeout=60) as bank:
            memory = (await bank.get(f"{self.stack.place.url('sandbox')}/memory/summary")).json()
        if difference := memory["payouts"]["paid_fen"] - summary["paid_fen"]:
            self.run.broken["fen at the bank"] = difference

    # -- in short ----------------------------------------------------------------------------------------------

    async def _line(self) -> HttpLine:
        return await HttpLine.open(self.stack.place.url("claims-svc"))

    def _union_of(self, member: int) -> int:
        unions = list(itertools.chain.from_iterable(self.size.unions_of(one) for one in self.size.district_ids()))
        return unions[(member - FIRST_MEMBER) // self.size.members]

    async def until(self, query: str, count: int) -> None:
        """Until that many rows are found."""

        async def there() -> bool:
            return await self._count(query) == count

        await _eventually(there)

    async def _count(self, query: str) -> int:
        async with await psycopg.AsyncConnection.connect(database_url(self.stack, "claims"), autocommit=True) as conn:
            row = await (await conn.execute(query.encode())).fetchone()
        assert row is not None  # an aggregate
        return int(row[0])


async def measure(ground: Ground) -> list[Row]:
    """2,000 claims, 10,000 with ``--full``; the payout file has 10,000 answers."""
    count = WHOLE if ground.whole else QUICK if ground.quick else USUAL
    answers = QUICK_FILE if ground.quick else FILE
    each = -(-(count + DECIDED + answers) // (UNIONS * DISTRICTS))
    size = Size(DISTRICTS, UNIONS, each)
    with ground.fresh_stack(only=(), env=ENV) as stack:
        StackClock(stack).start_on(DAY)
        await asyncio.to_thread(stack.up)
        await asyncio.to_thread(claimants.build, stack, size)
        await asyncio.to_thread(load_rules, stack)
        await asyncio.to_thread(service_command, stack, "claims-svc", "load-illnesses", str(_CATALOGUE))
        await topics.make(settings_of(stack), [BARE_COMMANDS, BARE_REPLIES])
        bench = Claims(ground, stack, size, Tokens.of(stack), await connect(stack.workflow_settings()))
        first_decided, first_paid = FIRST_MEMBER + count, FIRST_MEMBER + count + DECIDED
        await bench.file_and_pay(range(FIRST_MEMBER, first_decided))
        await bench.bare()
        await bench.decide(range(first_decided, first_paid))
        await bench.pay(_set())
        await bench.until(_WAITING, 0)
        await bench.payout_file(first_paid, answers)
        await bench.judge()
    return _rows(bench.run)


def _pictures(member: int) -> list[tuple[str, bytes]]:
    """All papers of a claim, no two alike."""
    return [(paper, png(member + place)) for place, paper in enumerate(_PAPERS)]


def _set() -> asyncio.Event:
    over = asyncio.Event()
    over.set()
    return over


def _rows(run: Run) -> list[Row]:
    by_part = ", ".join(f"{name} {used / run.claims * 1000:.0f}" for name, used in run.cpu.items() if used > 1.0)
    rate, at_most = run.claims / run.seconds, {"at_least": False}
    what = "claims filed, decided by rule and paid"
    return [
        Row(
            what,
            rate,
            "/s",
            baseline=run.bare_per_second,
            target=Target(SHARE_OF_BARE, of_ratio=True),
            note=f"{run.claims:,} in {run.seconds:.1f} s; baseline: bare workflows of {run.steps} steps",
        ),
        Row(what, rate, "/s", target=Target(PER_SECOND), note=f"{len(run.requests):,} requests"),
        Row("p95 of the requests meanwhile", percentile(run.requests, 0.95) * 1000, "ms"),
        Row("CPU for a claim, all processes", sum(run.cpu.values()) / run.claims, "s", note=f"in ms: {by_part}"),
        Row(
            "p95 of the decision after the last paper, 2 claims a second",
            percentile(run.decisions, 0.95) * 1000,
            "ms",
            target=Target(DECISION_MS, **at_most),
        ),
        Row(
            f"a day's payout file of {run.payouts:,} to confirmed",
            run.file_s,
            "s",
            target=Target(FILE_S * run.payouts / FILE, **at_most),
        ),
        Row("events in the longest history of a claim", float(run.longest), "", target=Target(EVENTS, **at_most)),
        Row(
            "rows that break a law, and fen that the bank has otherwise",
            float(sum(abs(one) for one in run.broken.values())),
            "",
            target=Target(0, **at_most),
            note=", ".join(f"{name} {value}" for name, value in run.broken.items()),
        ),
    ]


async def _eventually(true: Callable[[], Awaitable[bool]]) -> None:
    begun = time.perf_counter()
    while not await true():
        if seconds_since(begun) > LIMIT_S:
            raise BenchError(f"the stack is not done after {LIMIT_S:g} s")
        await asyncio.sleep(0.2)
