"""The real PostgreSQL, Kafka and Temporal that the stack runs: they answer, keep what they were told, and come back."""

import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from unioncard_cli import external, postgres
from unioncard_cli.place import Place, free_port_base
from unioncard_cli.stack import Stack


def test_postgres_is_durable_and_survives_kill_9(postgres_url: str, infrastructure: Stack) -> None:
    table = f"kept_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        connection.execute(f"CREATE TABLE {table} AS SELECT '会员𠮷' AS name")

    infrastructure.wait_ready("postgres", after=infrastructure.kill("postgres"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        assert connection.execute(f"SELECT name FROM {table}").fetchone() == ("会员𠮷",)
        connection.execute(f"DROP TABLE {table}")


def test_the_user_of_postgres_reaches_its_programs_in_a_closed_folder(tmp_path: Path) -> None:
    """For root, who cannot run PostgreSQL, in a clone under /root or in a private temporary folder."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    look = f"import os, sys; sys.exit(os.access({str(program)!r}, os.X_OK) and os.system({str(program)!r}) >> 8)"
    words = postgres.as_system_user([sys.executable, "-c", look], closed / "data")
    assert subprocess.run(words, cwd="/").returncode == 7
    assert closed.stat().st_mode & 0o777 == 0o700


async def test_kafka_keeps_acknowledged_messages_through_kill_9(kafka_bootstrap: str, infrastructure: Stack) -> None:
    topic = f"kept-{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    await producer.start()
    for number in range(10):
        await producer.send_and_wait(topic, str(number).encode())
    await producer.stop()

    infrastructure.wait_ready("kafka", after=infrastructure.kill("kafka"))
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    assert [(await consumer.getone()).value for _ in range(10)] == [str(number).encode() for number in range(10)]
    await consumer.stop()


async def test_temporal_knows_our_search_attributes_also_after_kill_9(
    temporal_address: str, infrastructure: Stack
) -> None:
    infrastructure.wait_ready("temporal", after=infrastructure.kill("temporal"))
    client = await Client.connect(temporal_address)
    listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default"))
    ours = {name: kind for name, kind in listed.custom_attributes.items() if name.startswith("Unioncard")}
    assert ours == {
        "UnioncardDistrict": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        "UnioncardUnion": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        "UnioncardBatch": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        "UnioncardPhase": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        "UnioncardYear": IndexedValueType.INDEXED_VALUE_TYPE_INT,
        "UnioncardNextDeadline": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
        "UnioncardOverdue": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
        "UnioncardLate": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
        "UnioncardUnpaid": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    }


def test_servers_that_are_run_elsewhere_are_asked_and_not_started(
    postgres_url: str, kafka_bootstrap: str, temporal_address: str, infrastructure: Stack
) -> None:
    """A second stack beside the first, which uses the first one's servers."""
    env = {
        "UNIONCARD_DATABASE_URL": postgres_url,
        "UNIONCARD_KAFKA": kafka_bootstrap,
        "UNIONCARD_TEMPORAL": temporal_address,
    }
    second = Stack(infrastructure.place.state / "second", free_port_base(), env, tied=True)
    try:
        second.up(only=["postgres", "kafka", "temporal"])
        assert {part.state for part in second.status().values()} == {"external"}
        assert {part.pid for part in second.status().values()} == {None}
    finally:
        second.down()


def test_the_address_of_another_server_is_shown_without_its_password() -> None:
    place = Place.of({"UNIONCARD_DATABASE_URL": "postgresql://admin:secret@db.internal:6432/postgres"})
    assert external.shown(place, "postgres") == "db.internal:6432"
