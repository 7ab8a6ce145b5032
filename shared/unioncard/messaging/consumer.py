"""The consumer: batches first, one by one when a batch fails, and a message that never works is set aside.

It knows nothing of what handling means; services give it the inbox, the workflow bridge gives it Temporal. What it
promises: offsets are committed only after the processor has returned; infrastructure errors are waited out and never
count as tries; a partition lost meanwhile is handled twice, which the processor must make harmless.
"""

import asyncio
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

# SQLSTATE classes that say "not your message's fault": connection, transaction rolled back (deadlock, serialisation),
# resources (disk, memory, connections), operator intervention (shutdown), system error; and a read-only standby.
_INFRASTRUCTURE = ("08", "40", "53", "57", "58", "25006")


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
    if isinstance(error, sqlalchemy.exc.TimeoutError | sqlalchemy.exc.InterfaceError):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig
        state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
        # Without a state there was no answer at all: the connection broke.
        return error.connection_invalidated or state is None or state.startswith(_INFRASTRUCTURE)
    return False


class Consumer:
    """Feeds the messages of some topics to a processor, for ever; starts itself anew when it makes no progress."""

    def __init__(self, settings: Settings, *, client: str, group: str, topics: list[str], processor: Processor) -> None:
        self._settings = settings
        self._client = client
        self.group = group
        self._topics = topics
        self._processor = processor
        self._progress = 0
        self._handled: dict[TopicPartition, int] = {}

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
        await consumer.start()
        work = asyncio.create_task(self._consume(consumer))
        watch = asyncio.create_task(self._watch(consumer))
        try:
            done, _ = await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return "no progress"
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)
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
            self._measure(consumer)

    async def _handle(self, consumer: AIOKafkaConsumer, records: Sequence[Record]) -> None:
        try:
            await self._processor.process(records)
        except Exception as error:
            if is_infrastructure(error):
                await self._wait_out(consumer, records, error)
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
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("consumer.waiting", group=self.group, error=type(error).__name__)
                await asyncio.sleep(1.0)
                return done
        return len(records)

    async def _handle_one(self, record: Record) -> None:
        reason = ""
        for attempt in range(TRIES):
            try:
                return await self._processor.process([record])
            except MalformedMessage as error:
                reason = str(error)
                break
            except Exception as error:
                if is_infrastructure(error):
                    raise
                # The text of an unknown error may carry what it choked on, so only its kind and place are kept.
                reason = _kind_and_place(error)
                await asyncio.sleep(0.05 * 2**attempt)
        log.error("consumer.dead_letter", topic=record.topic, offset=record.offset, reason=reason)
        telemetry.dead_letters.labels(record.topic).inc()
        await self._processor.set_aside(record, reason)

    async def _wait_out(self, consumer: AIOKafkaConsumer, records: Sequence[Record], error: BaseException) -> None:
        log.warning("consumer.waiting", group=self.group, error=type(error).__name__)
        self._seek(consumer, records)
        await asyncio.sleep(1.0)

    def _seek(self, consumer: AIOKafkaConsumer, unhandled: Sequence[Record]) -> None:
        """Back to the first unhandled message of each partition that is still ours."""
        first: dict[TopicPartition, int] = {}
        for record in unhandled:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        self._handled.update(first)
        for tp, offset in first.items():
            if tp in consumer.assignment():
                consumer.seek(tp, offset)

    async def _commit(self, consumer: AIOKafkaConsumer, records: Sequence[Record]) -> None:
        ends = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in records}
        if not ends:
            return
        self._progress += len(records)
        self._handled.update(ends)
        try:
            await consumer.commit({tp: end for tp, end in ends.items() if tp in consumer.assignment()})
        except (CommitFailedError, IllegalStateError) as error:
            # The partitions went to another consumer; it will read these messages again and count them once.
            log.warning("consumer.commit_lost", group=self.group, error=type(error).__name__)

    def _measure(self, consumer: AIOKafkaConsumer) -> int:
        """Publish and return how many messages wait for us, as far as the broker has told."""
        total = 0
        for tp in consumer.assignment():
            end = consumer.highwater(tp)
            if end is not None and tp in self._handled:
                lag = max(0, end - self._handled[tp])
                telemetry.consumer_lag.labels(tp.topic, str(tp.partition)).set(lag)
                total += lag
        return total

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Returns when messages wait and none was handled for a minute: the process lives, the work does not."""
        seen, since = self._progress, 0.0
        while since < STUCK_AFTER_S:
            await asyncio.sleep(5.0)
            waiting = self._measure(consumer) > 0
            since = since + 5.0 if waiting and seen == self._progress else 0.0
            seen = self._progress


def _kind_and_place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} at {place}"
