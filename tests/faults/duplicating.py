"""Messages that come twice: every topic is read along, and what was read is sent into it again, late and shuffled."""

import asyncio
import random
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from unioncard.contracts import product_contracts
from unioncard.messaging import kafka
from unioncard.messaging.topics import DEAD, topic_names
from unioncard.settings import Settings

log = structlog.get_logger()

# Only so that this reader does not take its own messages for new ones; readers of the product know no such header.
_MARK = "fault-run-repeat"
MEAN_DELAY_S = 2.0


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    key: bytes | None
    body: bytes | None


class Duplicator:
    """Repeats a share of all messages after a random while, and at the end a part of everything in another order."""

    def __init__(self, settings: Settings, rng: random.Random, rate: float) -> None:
        self._settings = settings
        self._rng = rng
        self._rate = rate
        self._topics = [name for name in topic_names(product_contracts()) if not name.endswith(DEAD)]
        self._seen: list[_Message] = []
        self._places: dict[TopicPartition, int] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self.repeated = 0
        self.reading = asyncio.Event()

    async def run(self) -> None:
        """Read along and repeat until cancelled, however often the broker goes away."""
        while True:
            consumer = kafka.consumer(self._settings, "fault-run", None, self._topics)
            try:
                await consumer.start()
                await self._find_place(consumer)
                await self._read(consumer)
            except (KafkaError, OSError) as error:
                log.info("duplicator.reconnecting", error=type(error).__name__)
                await asyncio.sleep(0.5)
            finally:
                await consumer.stop()

    async def finish(self) -> None:
        """Send what is still due, then a part of everything once more in random order."""
        while self._late:
            await asyncio.gather(*self._late)
        again = self._rng.sample(self._seen, int(len(self._seen) * self._rate))
        for message in again:
            await self._send(message)
        await self._give_up(self._producer)

    async def _find_place(self, consumer: AIOKafkaConsumer) -> None:
        ends = await consumer.end_offsets(consumer.assignment())
        for tp, end in ends.items():
            consumer.seek(tp, self._places.setdefault(tp, end))
        self.reading.set()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    self._places[tp] = record.offset + 1
                    if not any(name == _MARK for name, _ in record.headers):
                        self._take(_Message(record.topic, record.key, record.value))

    def _take(self, message: _Message) -> None:
        self._seen.append(message)
        while self._rng.random() < self._rate:  # sometimes more than once
            delay = self._rng.choice((0.0, self._rng.expovariate(1 / MEAN_DELAY_S)))
            task = asyncio.create_task(self._send_late(message, delay))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def _send_late(self, message: _Message, delay: float) -> None:
        await asyncio.sleep(delay)
        await self._send(message)

    async def _send(self, message: _Message) -> None:
        headers = [*kafka.HEADERS, (_MARK, b"1")]
        while True:
            producer: AIOKafkaProducer | None = None
            try:
                producer = await self._started()
                await producer.send_and_wait(message.topic, message.body, key=message.key, headers=headers)
            except (KafkaError, OSError):
                await self._give_up(producer)
                await asyncio.sleep(0.5)
            else:
                self.repeated += 1
                return

    async def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        """A producer that lost a message has a gap in its sequence and is of no more use."""
        if self._producer is producer:
            self._producer = None
        if producer is not None:
            await producer.stop()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = kafka.producer(self._settings, "fault-run")
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer
