"""The consumer: batches first, one by one when a batch fails, and a message that never works is set aside.

It knows nothing of what handling means; services give it the inbox, the workflow bridge gives it Temporal. What it
promises: offsets are committed only after the processor has returned; infrastructure errors are waited out and never
count as tries; a partition lost meanwhile is handled twice, which the processor must make harmless.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

import psycopg
import sqlalchemy.exc
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from unioncard import telemetry
from unioncard.messaging import kafka
from unioncard.messaging.dead_letters import Record
from unioncard.messaging.envelope import MalformedMessage
from unioncard.settings import Settings

log = structlog.get_logger()

TRIES = 3
STUCK_AFTER_S = 60.0
STOP_WITHIN_S = 10.0

# SQLSTATE classes that say "not your message's fault": connection, transaction rolled back (deadlock, serialisation),
# resources (disk, memory, connections), operator intervention (shutdown), system error; a read-only standby, and a
# lock that was not free in time.
_INFRASTRUCTURE = ("08", "40", "53", "57", "58", "25006", "55P03")


class Unavailable(Exception):
    """Raised by a processor when something it needs is down: wait and try again, it is nobody's fault."""


class Processor(Protocol):
    """What a consumer does with messages."""

    async def process(self, records: Sequence[Record]) -> None:
        """Handle all of them, or raise and leave no trace of any. Must make a repeat harmless."""

    async def set_aside(self, record: Record, reason: str) -> None:
        """Keep a message that cannot be handled as a dead letter."""


def is_infrastructure(error: BaseException) -> bool:
    """Whether an error says something about the machine rather than about the message."""
    if isinstance(error, Unavailable | OSError | TimeoutError | KafkaError):
        return True
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return error.connection_invalidated or (error.orig is not None and is_infrastructure(error.orig))
    if isinstance(error, psycopg.Error):
        if error.sqlstate is not None:
            return error.sqlstate.startswith(_INFRASTRUCTURE)
        # The server said nothing: the connection broke, or the client itself refused a value (a NUL in a text).
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return False


class Consumer:
    """Feeds the messages of some topics to a processor, for ever; starts itself anew when it makes no progress."""

    def __init__(
        self,
        settings: Settings,
        *,
        client: str,
        group: str,
        topics: list[str],
        processor: Processor,
        stuck_after_s: float = STUCK_AFTER_S,
    ) -> None:
        self._settings = settings
        self._client = client
        self.group = group
        self._topics = topics
        self._processor = processor
        self._stuck_after_s = stuck_after_s
        # Counts messages handled and failures noticed: as long as it moves, the loop is alive.
        self._life = 0
        self._measured: set[TopicPartition] = set()

    async def run(self) -> None:
        """Consume until cancelled."""
        while True:
            why = "stopped"
            try:
                why = await self._consume_watched()
            except (KafkaError, OSError) as error:
                why = type(error).__name__
            telemetry.consumer_restarts.labels(why).inc()
            log.warning("consumer.restarting", group=self.group, why=why)
            await asyncio.sleep(1.0)

    async def _consume_watched(self) -> str:
        consumer = kafka.consumer(self._settings, self._client, self.group, self._topics)
        tasks: list[asyncio.Task[None]] = []
        try:
            await consumer.start()
            tasks = [asyncio.create_task(self._consume(consumer)), asyncio.create_task(self._watch(consumer))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return "no progress"
        finally:
            for task in tasks:
                task.cancel()
            # A client that hangs may hang at its end too; whoever waited for it would never start anew.
            if tasks:
                await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_WITHIN_S):
                    await consumer.stop()

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            polled = await consumer.getmany(timeout_ms=500, max_records=self._settings.kafka_batch)
            records = [
                Record(tp.topic, tp.partition, raw.offset, (raw.key or b"").decode(errors="replace"), raw.value or b"")
                for tp, raws in polled.items()
                for raw in raws
            ]
            if records:
                await self._handle(consumer, records)

    async def _handle(self, consumer: AIOKafkaConsumer, records: Sequence[Record]) -> None:
        try:
            await self._processor.process(records)
        except Exception as error:
            if is_infrastructure(error):
                await self._wait_out(error)
                self._seek(consumer, records)
                return
            telemetry.batch_fallbacks.inc()
            log.warning("consumer.one_by_one", group=self.group, records=len(records), error=type(error).__name__)
            done = await self._one_by_one(records)
            if done < len(records):
                self._seek(consumer, records[done:])
            records = records[:done]
        await self._commit(consumer, records)

    async def _one_by_one(self, records: Sequence[Record]) -> int:
        """Handles from the front; returns how many are done before infrastructure failed."""
        for done, record in enumerate(records):
            try:
                await self._handle_one(record)
                self._life += 1
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                await self._wait_out(error)
                return done
        return len(records)

    async def _handle_one(self, record: Record) -> None:
        reason = ""
        for attempt in range(TRIES):
            try:
                await self._processor.process([record])
                return
            except MalformedMessage as error:
                reason = str(error)
                break
            except Exception as error:
                if is_infrastructure(error):
                    raise
                # The text of an unknown error may carry what it choked on, so only its kind and place are kept.
                reason = telemetry.kind_and_place(error)
                await asyncio.sleep(0.05 * 2**attempt)
        await self._processor.set_aside(record, reason)
        log.error("consumer.dead_letter", topic=record.topic, offset=record.offset, reason=reason)
        telemetry.dead_letters.labels(record.topic).inc()

    async def _wait_out(self, error: BaseException) -> None:
        self._life += 1
        log.warning("consumer.waiting", group=self.group, error=telemetry.kind_and_place(error))
        await asyncio.sleep(1.0)

    def _seek(self, consumer: AIOKafkaConsumer, unhandled: Sequence[Record]) -> None:
        """Back to the first unhandled message of each partition that is still ours."""
        first: dict[TopicPartition, int] = {}
        for record in unhandled:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for tp, offset in first.items():
            if tp in consumer.assignment():
                consumer.seek(tp, offset)

    async def _commit(self, consumer: AIOKafkaConsumer, records: Sequence[Record]) -> None:
        self._life += len(records)
        ends = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in records}
        ours = {tp: end for tp, end in ends.items() if tp in consumer.assignment()}
        if not ours:
            return
        try:
            await consumer.commit(ours)
        except (CommitFailedError, IllegalStateError) as error:
            # The partitions went to another consumer; it will read these messages again and count them once.
            log.warning("consumer.commit_lost", group=self.group, error=type(error).__name__)

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Returns when messages wait and nothing moves for a minute: the process lives, the work does not."""
        every = self._stuck_after_s / 12
        seen, still = self._life, 0.0
        while still < self._stuck_after_s:
            await asyncio.sleep(every)
            try:
                # After the broker was gone, the client has been seen to wait for a coordinator for ever, here as in
                # the commit that this is to notice.
                async with asyncio.timeout(max(every, 1.0)):
                    waiting = await self._measure(consumer) > 0
            except (KafkaError, TimeoutError):
                waiting = True  # who cannot even ask is not known to be idle
            still = still + every if waiting and seen == self._life else 0.0
            seen = self._life

    async def _measure(self, consumer: AIOKafkaConsumer) -> int:
        """Publish and return how many messages wait for us, by the broker's word: what was never fetched counts too."""
        ours = consumer.assignment()
        for lost in self._measured - ours:
            telemetry.consumer_lag.remove(lost.topic, str(lost.partition))
        self._measured = set(ours)
        if not ours:
            return 0
        begins, ends = await consumer.beginning_offsets(ours), await consumer.end_offsets(ours)
        total = 0
        for tp in ours:
            lag = ends[tp] - max(begins[tp], await consumer.committed(tp) or 0)
            telemetry.consumer_lag.labels(tp.topic, str(tp.partition)).set(lag)
            total += lag
        return total
