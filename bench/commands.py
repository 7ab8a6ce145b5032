"""Command round trips: Temporal → Kafka → a service with inbox, fact, outbox and commit → Kafka → Temporal.

Beside it, in the same run and with the same split into processes, an echo of the same shape without any promise. The
two take turns, since whatever else the machine does changes from one minute to the next.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from temporalio.client import Client

from bench import processes, topics
from bench.echo.contracts import BARE_COMMANDS, BARE_REPLIES, TOPIC
from bench.echo.service import make_database
from bench.echo.workflow import BARE_QUEUE, FULL_QUEUE, Plan, Rounds
from bench.ground import TRACES, Child, Ground, children, seconds_since, settings_of
from bench.results import Row, Target, median, percentile
from workflows.client import connect

SHARE_OF_BARE = 0.75
IN_FLIGHT = 40
TURNS = 5


@dataclass(slots=True)
class Side:
    """The full path, or the bare one, and what it showed."""

    name: str
    queue: str
    per_second: list[float] = field(default_factory=list)
    loaded: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def cpu_each(self) -> float:
        """CPU of all processes for one round trip under load, in ms."""
        return sum(self.cpu.values()) / len(self.loaded) * 1000


async def measure(ground: Ground) -> list[Row]:
    """Rates are medians over the turns; p50 and p95 are over all round trips of all turns."""
    with ground.fresh_stack(["postgres", "kafka", "temporal"]) as stack:
        settings = settings_of(stack)
        await topics.make(settings, [TOPIC, BARE_COMMANDS, BARE_REPLIES])
        await make_database(settings)
        service = Child(stack, "bench-svc", "bench.echo.service", TOPIC, env=TRACES)
        bare_service = Child(stack, "bare-svc", "bench.echo.bare_service", BARE_COMMANDS)
        worker = Child(stack, "worker", "bench.echo.worker", env=TRACES)
        workers = worker, Child(stack, "bare-worker", "bench.echo.bare_worker")
        with children(service, bare_service, *workers):
            for child in (service, bare_service, *workers):
                await child.line()
            service.tell("go")
            bare_service.tell("go")
            client = await connect(settings)
            full, bare = Side("full", FULL_QUEUE), Side("bare", BARE_QUEUE)
            cpu = partial(processes.cpu_seconds, stack, (service, bare_service, *workers))
            await _turns(ground, client, full, bare, cpu)
    return _rows(full, bare)


async def _turns(ground: Ground, client: Client, full: Side, bare: Side, cpu: Callable[[], dict[str, float]]) -> None:
    rounds, turns = (10, 2) if ground.quick else (25, TURNS)
    for side in (full, bare):
        await _load(client, side, rounds=5)  # caches, connections and pollers
    for turn in range(turns):
        # ABBA: neither always follows the other
        for side in (full, bare) if turn % 2 == 0 else (bare, full):
            begun, used = time.perf_counter(), cpu()
            seconds = await _load(client, side, rounds)
            side.per_second.append(len(seconds) / seconds_since(begun))
            for name, more in processes.difference(used, cpu()).items():
                side.cpu[name] = side.cpu.get(name, 0.0) + more
            side.loaded += seconds
            side.alone += await _alone(client, side, rounds=20)
        ground.say(f"turn {turn + 1}: full {full.per_second[-1]:.0f}/s, bare {bare.per_second[-1]:.0f}/s")


async def _load(client: Client, side: Side, rounds: int) -> list[float]:
    plan = Plan(rounds, bare=side.name == "bare")
    runs = [_run(client, side, plan, f"bench-{side.name}-{time.time_ns()}-{number}") for number in range(IN_FLIGHT)]
    return [one for seconds in await asyncio.gather(*runs) for one in seconds]


async def _alone(client: Client, side: Side, rounds: int) -> list[float]:
    return await _run(client, side, Plan(rounds, side.name == "bare"), f"bench-alone-{side.name}-{time.time_ns()}")


async def _run(client: Client, side: Side, plan: Plan, workflow_id: str) -> list[float]:
    return await client.execute_workflow(Rounds.run, plan, id=workflow_id, task_queue=side.queue)


def _rows(full: Side, bare: Side) -> list[Row]:
    def latency(what: str, share: float, mine: list[float], theirs: list[float]) -> Row:
        value, other = percentile(mine, share) * 1000, percentile(theirs, share) * 1000
        return Row(f"p{share * 100:.0f} {what}", value, "ms", baseline=other)

    note = f"{_by_process(full)}; baseline: {_by_process(bare)}"
    return [
        Row(
            f"command round trips, {IN_FLIGHT} in flight",
            median(full.per_second),
            "/s",
            baseline=median(bare.per_second),
            target=Target(SHARE_OF_BARE, of_ratio=True),
            samples=full.per_second,
            baseline_samples=bare.per_second,
            note="baseline: a bare echo of the same shape; one trace in 20 kept",
        ),
        Row("CPU for a round trip, all processes", full.cpu_each, "ms", baseline=bare.cpu_each, note=note),
        latency(f"with {IN_FLIGHT} in flight", 0.50, full.loaded, bare.loaded),
        latency(f"with {IN_FLIGHT} in flight", 0.95, full.loaded, bare.loaded),
        latency("alone", 0.50, full.alone, bare.alone),
        latency("alone", 0.95, full.alone, bare.alone),
    ]


def _by_process(side: Side) -> str:
    parts = sorted(side.cpu.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {used / len(side.loaded) * 1000:.1f}" for name, used in parts if used > 0.01)
