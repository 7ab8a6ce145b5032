"""Batches of 1,000 members from submission to card numbers, everything on this machine.

Unions submit one after the other with some batches in flight, as many operators would; a batch is done when card-svc
has an outcome for every member. Afterwards the audit must find nothing.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg

from bench import processes, unions
from bench.ground import BenchError, Ground, database_url, seconds_since
from bench.results import Row, Target
from unioncard_cli.audit.command import verdict
from unioncard_cli.scenery import Scenery
from unioncard_cli.stack import Stack
from unioncard_cli.story import CardStory

MEMBERS = 1000
BATCHES = 100
PER_SECOND = 2_000
IN_FLIGHT = 16
LIMIT_S = 900.0
LOOK_EVERY_S = 0.1
#: What a process may hold more at the last batch than at the tenth: a share, or so many MB if that is more.
GROWTH, GROWTH_MB = 0.10, 16.0
EARLY = 10

_DONE = "SELECT count(*) FROM batches WHERE issued + failed = members"


@dataclass(slots=True)
class Run:
    """One run's clock and memory."""

    seconds: float = 0.0
    done_at: list[float] = field(default_factory=list)
    early: dict[str, float] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)


async def measure(ground: Ground) -> list[Row]:
    """Rate over the whole run, from the first POST to the last number."""
    count = 20 if ground.quick else BATCHES
    with ground.fresh_stack() as stack:
        places = unions.build(stack, count)
        async with unions.ready(ground, places, MEMBERS) as stories:
            unions.log_in(stories)
            run = await _run(ground, stack, stories)
        settled = time.perf_counter()
        differences = await asyncio.to_thread(_audit, places[0].scene)
        settling = seconds_since(settled)
    rate = count * MEMBERS / run.seconds
    note = f"{count} batches of {MEMBERS:,} in {run.seconds:.1f} s, {IN_FLIGHT} in flight"
    return [
        Row("members from submission to card number", rate, "/s", target=Target(PER_SECOND), note=note),
        _cpu_row(run, count),
        *_memory_rows(run, count),
        Row("until the audit finds everything settled", settling, "s"),
        Row("differences the audit found", float(differences), "", target=Target(0, at_least=False)),
    ]


async def _run(ground: Ground, stack: Stack, stories: list[CardStory]) -> Run:
    run = Run()
    loop = asyncio.get_running_loop()
    posting: list[asyncio.Future[list[str]]] = []
    with ThreadPoolExecutor(IN_FLIGHT) as operators:
        async with await psycopg.AsyncConnection.connect(database_url(stack, "card"), autocommit=True) as conn:
            begun, cpu = time.perf_counter(), processes.cpu_seconds(stack)
            while (done := await _done(conn)) < len(stories):
                run.done_at += [seconds_since(begun)] * (done - len(run.done_at))
                if done >= EARLY and not run.early:
                    run.early = processes.private_mb(stack)
                free = stories[len(posting) : done + IN_FLIGHT]
                posting += [loop.run_in_executor(operators, story.submit, "normal") for story in free]
                _check(posting, done, seconds_since(begun))
                await asyncio.sleep(LOOK_EVERY_S)
            run.seconds = seconds_since(begun)
            run.cpu = processes.difference(cpu, processes.cpu_seconds(stack))
            run.late = processes.private_mb(stack)
        await asyncio.gather(*posting)
    ground.say(f"{len(stories)} batches in {run.seconds:.1f} s")
    return run


def _check(posting: list[asyncio.Future[list[str]]], done: int, elapsed: float) -> None:
    for one in posting:
        if one.done():
            one.result()
    if elapsed > LIMIT_S:
        raise BenchError(f"{done} of {len(posting)} submitted batches have their numbers after {LIMIT_S:g} s")


async def _done(conn: psycopg.AsyncConnection) -> int:
    row = await (await conn.execute(_DONE)).fetchone()
    assert row is not None  # an aggregate
    return int(row[0])


def _audit(scene: Scenery) -> int:
    _, found = verdict(scene.stack, scene.federation(), wait_s=120)
    return len(found)


def _cpu_row(run: Run, count: int) -> Row:
    """What a batch costs in CPU, whatever else the machine does; two cores have two seconds in each."""
    by_part = ", ".join(f"{name} {seconds / count * 1000:.0f}" for name, seconds in run.cpu.items())
    return Row("CPU for a batch, all processes", sum(run.cpu.values()) / count, "s", note=f"in ms: {by_part}")


def _memory_rows(run: Run, count: int) -> list[Row]:
    """One row a part: private memory at the last batch; baseline: at the tenth."""
    rows = []
    for name, early in run.early.items():
        late = run.late.get(name, 0.0)
        limit = max(1 + GROWTH, 1 + GROWTH_MB / early)
        target = Target(round(limit, 3), at_least=False, of_ratio=True)
        rows.append(
            Row(
                f"{name}: private memory at batch {count}; baseline: at {EARLY}",
                late,
                "MB",
                baseline=early,
                target=target,
            )
        )
    return rows
