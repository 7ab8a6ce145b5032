"""The service with all its parts on real Kafka: what it tells, what it learns, and how it is compared."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from member_svc.main import application
from member_svc.republishing import republish
from member_svc_testing.rosters import people
from member_svc_testing.world import Caller, World
from unioncard.contracts.cards import CardsChanged, CardState, CardStateOfMember
from unioncard.contracts.members import MembersChanged, OrganisationsChanged
from unioncard.messaging.envelope import Envelope, new_id
from unioncard.messaging.topics import make_topics

EVENTS = "member-svc.events"


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Poll until it is true; a minute at most."""
    deadline = time.monotonic() + 60
    while not await true():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.05)


@pytest.fixture
async def running(world: World, kafka_bootstrap: str) -> AsyncIterator[World]:
    """The world with relay and consumer running."""
    settings = world.context.settings.model_copy(update={"kafka": kafka_bootstrap})
    await make_topics(settings)
    context = replace(world.context, settings=settings)
    app = application(context)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://member", timeout=60) as client,
    ):
        yield World(app, context, client, world.ids)


async def told(bootstrap: str, union_id: int) -> list[MembersChanged]:
    """Every event about a union's members that lies in the topic."""
    consumer = AIOKafkaConsumer(EVENTS, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(sorted(consumer.assignment()))
        found: list[MembersChanged] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    envelope = Envelope.decode(record.value or b"")
                    if envelope.type == MembersChanged.TYPE and record.key == str(union_id).encode():
                        found.append(MembersChanged.model_validate(envelope.data))
        return found
    finally:
        await consumer.stop()


async def tell_cards(bootstrap: str, union_id: int, cards: list[CardStateOfMember], *, again: int = 1) -> None:
    envelope = Envelope(
        id=new_id(),
        source="card-svc",
        type=CardsChanged.TYPE,
        time=datetime.now(UTC),
        data=CardsChanged(union_id=union_id, cards=cards).model_dump(mode="json"),
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for _ in range(again):
        await producer.send_and_wait("card-svc.events", envelope.encode(), key=str(union_id).encode())
    await producer.stop()


async def test_approved_members_reach_the_topic_once(running: World, kafka_bootstrap: str) -> None:
    before = len(await told(kafka_bootstrap, running.ids["U1"]))
    await running.members_of("U1", people(3))

    async def sent() -> bool:
        return bool(await running.value("SELECT count(*) = 0 FROM outbox"))

    await until(sent)
    events = (await told(kafka_bootstrap, running.ids["U1"]))[before:]
    assert [len(event.members) for event in events] == [3]


async def test_card_states_follow_by_version_whatever_the_order(running: World, kafka_bootstrap: str) -> None:
    await running.members_of("U1", people(2))
    union_id = running.ids["U1"]
    await tell_cards(kafka_bootstrap, union_id, [CardStateOfMember(member_id=1, version=3, state=CardState.ISSUED)])
    late = [
        CardStateOfMember(member_id=1, version=2, state=CardState.IN_BATCH),
        CardStateOfMember(member_id=2, version=1, state=CardState.TO_DO),
    ]
    await tell_cards(kafka_bootstrap, union_id, late, again=2)

    async def learned() -> bool:
        return bool(await running.value("SELECT count(*) = 2 FROM member_cards"))

    await until(learned)
    rows = await running.rows("SELECT member_id, version, state FROM member_cards ORDER BY member_id")
    assert [tuple(row.values()) for row in rows] == [(1, 3, "issued"), (2, 1, "to_do")]
    assert (await (await running.union()).get("/members", card_state="issued")).json()["total"] == 1


async def tallied(caller: Caller, noun: str) -> list[dict[str, object]]:
    return list((await caller.get(f"/reconciliation/{noun}")).json()["items"])


async def test_reconciliation_gives_counts_and_checksums_by_union(world: World) -> None:
    await world.members_of("U1", people(2))
    await world.members_of("U4", people(3, start=20))
    await (await world.union("U2")).import_people(people(1, start=50))
    await world.run("INSERT INTO member_cards VALUES (1, 5, 'issued'), (2, 7, 'failed')")
    federation = await world.federation()
    first, second = await tallied(federation, "members")
    assert (first["id"], first["count"]) == (world.ids["U1"], 2)
    assert (second["id"], second["count"]) == (world.ids["U4"], 3)
    assert first["checksum"] == await world.value(
        "SELECT (hashtextextended('1:1:normal:3630000001', 0)::numeric"
        " + hashtextextended('2:1:normal:3630000002', 0))::text"
    )
    (cards,) = await tallied(federation, "cards")
    assert (cards["id"], cards["count"]) == (world.ids["U1"], 2)
    assert len(await tallied(federation, "organisations")) == 8
    summary = (await federation.get("/reconciliation/summary")).json()
    assert summary["counts"]["members"] == {"normal": 5, "pending": 1}
    assert (summary["members_total"], summary["members_without_union"]) == (6, 0)
    assert (summary["outbox_refused"], summary["inbox_running"], summary["partner_calls_waiting"]) == (0, 0, 0)
    assert (await (await world.district()).get("/reconciliation/summary")).status_code == 403
    assert (await (await world.district()).get("/audit-log")).status_code == 403


async def test_republishing_tells_everything_readers_may_know(world: World) -> None:
    await world.members_of("U1", people(3))
    await world.members_of("U4", people(2, start=20))
    await (await world.union("U2")).import_people(people(1, start=50))
    await world.run("DELETE FROM outbox")
    assert await republish(world.context) == (8, 5)
    members = [MembersChanged.model_validate(one.data) for one in await world.outbox(MembersChanged.TYPE)]
    assert {event.union_id: len(event.members) for event in members} == {world.ids["U1"]: 3, world.ids["U4"]: 2}
    (tree,) = await world.outbox(OrganisationsChanged.TYPE)
    assert len(OrganisationsChanged.model_validate(tree.data).organisations) == 8
