"""The handler path without Temporal: consume, inbox, fact, outbox and relay, in batches.

Commands lie ready in a topic; a service process starts to work on them and the clock stops when the last reply is in
its topic. Beside it two processes without promises: consume and send back, and the same with a row a message.
"""

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench import processes, topics
from bench.echo.contracts import BARE_REPLIES, TEXT, Echo
from bench.echo.service import make_database
from bench.ground import BenchError, Child, Ground, children, seconds_since, settings_of
from bench.results import Row, Target, median
from unioncard.contracts.replies import TOPIC as REPLIES
from unioncard.messaging import kafka
from unioncard.messaging.envelope import Envelope
from unioncard.settings import Settings
from unioncard_cli.stack import Stack

PER_SECOND = 10_000
MESSAGES = 100_000
TURNS = 3
LIMIT_S = 300.0
# One trace in so many is kept, as in production (UNIONCARD_TRACE_RATIO); none and all are measured too.
KEPT_ONE_IN = 20
#: An address as long as a real one, which carries a task token.
_ADDRESS = "A" * 420

FULL, BARE, INSERT = "full", "bare", "bare with a row"


@dataclass(slots=True)
class Side:
    """One of the three, and what its runs showed."""

    name: str
    per_second: list[float] = field(default_factory=list)
    #: CPU for a message, in µs, by process; one dictionary a run
    cpu: list[dict[str, float]] = field(default_factory=list)

    @property
    def cpu_each(self) -> float:
        """CPU of all processes for one message, in µs."""
        return median([sum(run.values()) for run in self.cpu])


async def measure(ground: Ground) -> list[Row]:
    """Rates are medians over the turns."""
    count, turns = (20_000, 1) if ground.quick else (MESSAGES, TURNS)
    full, bare, insert, traced = Side(FULL), Side(BARE), Side(INSERT), Side(FULL)
    with ground.fresh_stack(["postgres", "kafka"]) as stack:
        settings = settings_of(stack)
        await topics.make(settings, [BARE_REPLIES])
        await make_database(settings)
        for turn in range(turns):
            for side in (full, bare, insert):
                await _run(stack, settings, side, count, KEPT_ONE_IN)
                ground.say(f"turn {turn + 1}: {side.name} {side.per_second[-1]:,.0f}/s")
        await _run(stack, settings, traced, count, 1)
    note = f"{count:,} commands in batches of {settings.kafka_batch:,}, one trace in {KEPT_ONE_IN} kept"
    by_process = ", ".join(f"{name} {used:.0f}" for name, used in full.cpu[-1].items() if used >= 0.5)
    return [
        _rate("handled and answered; baseline: consume and send", full, bare, note, Target(PER_SECOND)),
        _rate("the same; baseline: consume, INSERT a row, send", full, insert),
        Row("CPU for a message, all processes", full.cpu_each, "µs", baseline=insert.cpu_each, note=by_process),
        _rate("handled and answered, every trace kept", traced, bare),
    ]


def _rate(measure: str, side: Side, beside: Side, note: str = "", target: Target | None = None) -> Row:
    return Row(
        measure,
        median(side.per_second),
        "/s",
        baseline=median(beside.per_second),
        target=target,
        samples=side.per_second,
        baseline_samples=beside.per_second,
        note=note,
    )


async def _run(stack: Stack, settings: Settings, side: Side, count: int, kept_one_in: int) -> None:
    """One run, from the word go to the last reply."""
    topic = f"bench.run.{uuid.uuid4().hex[:8]}"
    await topics.make(settings, [topic])
    await _fill(settings, topic, count, kept_one_in)
    child = _process(stack, side.name, topic)
    replies = REPLIES if side.name == FULL else BARE_REPLIES
    watcher = kafka.consumer(settings, "bench", None, [replies])
    await watcher.start()
    try:
        with children(child):
            await child.line()
            before, used = await _end(watcher, replies), processes.cpu_seconds(stack, [child])
            begun = time.perf_counter()
            child.tell("go")
            while (done := await _end(watcher, replies) - before) < count:
                if seconds_since(begun) > LIMIT_S:
                    raise BenchError(f"{side.name}: {done} of {count} messages in {LIMIT_S:g} s; see {child.log}")
                await asyncio.sleep(0.05)
            side.per_second.append(count / seconds_since(begun))
            more = processes.difference(used, processes.cpu_seconds(stack, [child]))
            side.cpu.append({name: seconds / count * 1e6 for name, seconds in more.items()})
    finally:
        await watcher.stop()


def _process(stack: Stack, side: str, topic: str) -> Child:
    if side == FULL:
        return Child(stack, "bench-svc", "bench.echo.service", topic)
    return Child(stack, "bare-svc", "bench.echo.bare_service", topic, *(["insert"] if side == INSERT else []))


async def _end(watcher: AIOKafkaConsumer, topic: str) -> int:
    partitions = [TopicPartition(topic, number) for number in watcher.partitions_for_topic(topic) or ()]
    return sum((await watcher.end_offsets(partitions)).values())


async def _fill(settings: Settings, topic: str, count: int, kept_one_in: int) -> None:
    producer = kafka.producer(settings, "bench")
    await producer.start()
    try:
        for first in range(0, count, 2000):
            numbers = range(first, min(first + 2000, count))
            sent = [
                await producer.send(topic, _command(topic, number, number % kept_one_in == 0), key=b"%d" % number)
                for number in numbers
            ]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _command(topic: str, number: int, kept: bool) -> bytes:
    return Envelope(
        id=str(uuid.uuid4()),
        source="bench",
        type=Echo.TYPE,
        subject=f"{topic}/{number}",
        time=datetime.now(UTC),
        traceparent=f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-{int(kept):02x}",
        idempotencykey=f"{topic}/{number}",
        replyto=_ADDRESS,
        data=Echo(number=number, text=TEXT).model_dump(mode="json"),
    ).encode()
