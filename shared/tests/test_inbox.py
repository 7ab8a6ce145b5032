"""The inbox: a message that comes twice counts once, and a command's first answer is its only one."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from unioncard.contracts.members import Organisation, OrganisationKind, OrganisationLevel, OrganisationsChanged
from unioncard.messaging import inbox
from unioncard.messaging.consumer import Unavailable
from unioncard.messaging.envelope import Envelope, MalformedMessage
from unioncard.messaging.handling import (
    Handlers,
    InboxProcessor,
    Message,
    Outcome,
    Pending,
    Refused,
    Succeeded,
)
from unioncard.organisations import follow_organisations
from unioncard.unit_of_work import Transaction
from unioncard_testing import (
    HANDLERS,
    Do,
    Done,
    Noted,
    Room,
    command,
    do,
    envelope_of,
    event,
    eventually,
    note,
    record,
    statements,
)


def processor(room: Room, handlers: Handlers = HANDLERS) -> InboxProcessor:
    return InboxProcessor(room.work, handlers, "tests")


def commands_by(handler: Any) -> Handlers:
    return Handlers(events={Noted: note}, commands={Do: handler})


async def replies(room: Room) -> list[tuple[str | None, str, dict[str, Any]]]:
    """(address, type, data) of each reply in the outbox, in order."""
    return [(e.replyto, e.type, e.data) for e in await room.outgoing() if e.type.startswith("command.")]


async def test_an_event_that_comes_again_counts_once(room: Room) -> None:
    first, other = record(event(1)), record(event(2))
    for _ in range(2):
        await processor(room).process([first])
    await processor(room).process([first, other, first, other])
    assert await room.numbers() == [1, 2]


async def test_events_of_two_sources_with_one_id_are_two(room: Room) -> None:
    for source in ("a-svc", "b-svc"):
        await processor(room).process([record(event(1, id="same", source=source))])
    assert await room.numbers() == [1, 1]


async def test_an_event_handled_by_two_consumers_at_once_counts_once(room: Room) -> None:
    records = [record(event(number)) for number in range(50)]
    await asyncio.gather(
        processor(room).process(records),
        processor(room).process(list(reversed(records))),
        *(processor(room).process([one]) for one in records[:8]),
    )
    assert sorted(await room.numbers()) == list(range(50))


async def test_a_batch_reaches_its_handler_in_the_order_it_came(room: Room) -> None:
    await processor(room).process([record(event(number)) for number in (5, 3, 9, 1)])
    assert await room.numbers() == [5, 3, 9, 1]


async def test_a_repeated_command_gets_the_first_answer_at_its_own_address(room: Room) -> None:
    for address in ("first try", "second try", "third try"):
        await processor(room).process([record(command(7, key="batch/1/submit", address=address))])
    answer = {"command": "test.do.v1", "result": {"number": 7, "run": 1}}
    assert await replies(room) == [
        ("first try", "command.succeeded.v1", answer),
        ("second try", "command.succeeded.v1", answer),
        ("third try", "command.succeeded.v1", answer),
    ]
    assert {e.idempotencykey for e in await room.outgoing()} == {"batch/1/submit"}
    assert await room.numbers() == [7]


async def test_a_command_twice_in_one_batch_is_done_once_and_answered_twice(room: Room) -> None:
    await processor(room).process([record(command(7, key="k", address=address)) for address in ("one", "two")])
    assert {(address, data["result"]["run"]) for address, _, data in await replies(room)} == {("one", 1), ("two", 1)}
    assert await room.numbers() == [7]


async def test_a_command_at_two_consumers_at_once_is_done_once_and_answered_twice(room: Room) -> None:
    await asyncio.gather(
        *(processor(room).process([record(command(7, key="k", address=f"try {n}"))]) for n in range(8))
    )
    assert {(address, data["result"]["run"]) for address, _, data in await replies(room)} == {
        (f"try {n}", 1) for n in range(8)
    }
    assert await room.numbers() == [7]


async def test_a_business_refusal_is_final_and_stored(room: Room) -> None:
    async def refuse(tx: Transaction, messages: Sequence[Message[Do]]) -> Sequence[Outcome]:
        await do(tx, messages)
        return [Refused("batch-closed", "批次已关闭") for _ in messages]

    for address in ("one", "two"):
        await processor(room, commands_by(refuse)).process([record(command(7, address=address))])
    answer = {"command": "test.do.v1", "code": "batch-closed", "detail": "批次已关闭"}
    assert await replies(room) == [("one", "command.refused.v1", answer), ("two", "command.refused.v1", answer)]
    assert await room.numbers() == [7]


async def pend(tx: Transaction, messages: Sequence[Message[Do]]) -> Sequence[Outcome]:
    await do(tx, messages)
    return [Pending() for _ in messages]


async def test_a_command_that_comes_again_while_it_runs_joins_with_its_address(room: Room) -> None:
    pending = processor(room, commands_by(pend))
    await pending.process([record(command(7, key="k", address=address)) for address in ("one", "two")])
    for address in ("two", "three", "three"):
        await pending.process([record(command(7, key="k", address=address))])
    assert await replies(room) == []
    assert await room.scalar("SELECT state || ' ' || array_to_string(addresses, ',') FROM inbox") == (
        "running one,two,three"
    )
    assert await room.numbers() == [7]


async def test_a_command_forgotten_just_as_it_comes_again_is_done_and_not_lost(room: Room) -> None:
    await processor(room, commands_by(pend)).process([record(command(7, key="k", address="one"))])
    claimed, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        claimed.set()
        await go_on.wait()

    batch = [record(event(1)), record(command(7, key="k", address="two"))]
    waiting = asyncio.create_task(processor(room, Handlers(events={Noted: slow}, commands={Do: do})).process(batch))
    await claimed.wait()
    async with room.engine.begin() as conn:
        await inbox.forget(conn, ["k"])  # the partner failed, and its dispatcher gave the command back
    go_on.set()
    with pytest.raises(Unavailable):  # the consumer waits and gives the batch again
        await waiting
    await processor(room).process(batch)
    [(address, _, data)] = await replies(room)
    assert (address, data["result"]["number"]) == ("two", 7)


async def test_a_command_that_comes_while_it_is_being_forgotten_is_done(room: Room) -> None:
    await processor(room, commands_by(pend)).process([record(command(7, key="k", address="one"))])
    async with room.engine.connect() as conn:
        await inbox.forget(conn, ["k"])
        waiting = asyncio.create_task(processor(room).process([record(command(7, key="k", address="two"))]))

        async def blocked() -> Any:
            return await room.as_admin(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )

        await eventually(blocked)
        await conn.commit()
    await waiting
    assert [(address, data["result"]["run"]) for address, _, data in await replies(room)] == [("two", 2)]


async def test_a_command_without_address_is_done_and_answers_nobody(room: Room) -> None:
    for _ in range(2):
        await processor(room).process([record(command(7, key="k", address=None))])
    assert await replies(room) == []
    assert await room.numbers() == [7]


async def test_a_handler_that_fails_leaves_no_trace_of_any_message(room: Room) -> None:
    async def fail(tx: Transaction, messages: Sequence[Message[Do]]) -> Sequence[Outcome]:
        await do(tx, messages)
        tx.publish(Noted(number=1), key="1")
        tx.audit("x", "y:1")
        raise LookupError

    with pytest.raises(LookupError):
        await processor(room, commands_by(fail)).process([record(event(1)), record(command(2))])
    for table in ("facts", "inbox", "outbox", "audit_log"):
        assert await room.scalar(f"SELECT count(*) FROM {table}") == 0
    await processor(room).process([record(command(2))])
    assert await room.numbers() == [2]


async def test_an_answer_for_each_command_or_none_at_all(room: Room) -> None:
    async def forget_one(tx: Transaction, messages: Sequence[Message[Do]]) -> Sequence[Outcome]:
        return [Succeeded(Done(number=1, run=1)) for _ in messages[1:]]

    with pytest.raises(ValueError, match="zip"):
        await processor(room, commands_by(forget_one)).process([record(command(1)), record(command(2))])
    assert await room.scalar("SELECT count(*) FROM inbox") == 0


async def test_what_nobody_listens_to_is_passed_over(room: Room) -> None:
    await processor(room, Handlers(events={}, commands={Do: do})).process([record(event(1))])
    assert await room.scalar("SELECT count(*) FROM inbox") == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "body: json_invalid"),
        (b"\xff\xfe", "body: json_invalid"),
        (b"[]", "body: model_type"),
        (event(1).model_copy(update={"type": "no.such.v1"}).encode(), "unknown type no.such.v1"),
        (event(1).model_copy(update={"data": {"number": "张三"}}).encode(), "test.noted.v1: number: int_parsing"),
        (event(1).model_copy(update={"data": {}}).encode(), "test.noted.v1: number: missing"),
        (event(1).model_copy(update={"id": "a\0b"}).encode(), "id: NUL character"),
        (
            command(1).model_copy(update={"idempotencykey": None}).encode(),
            "test.do.v1: a command without idempotencykey",
        ),
        (
            event(1).encode().replace(b"08:00:00+00:00", b"08:00:00"),
            "time: timezone_aware",
        ),
    ],
)
async def test_what_cannot_be_read_says_which_field_and_never_its_value(room: Room, body: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage) as error:
        await processor(room).process([record(body)])
    assert str(error.value) == reason
    assert error.value.__cause__ is None
    assert await room.scalar("SELECT count(*) FROM inbox") == 0


@pytest.mark.parametrize("size", [10, 1000])
async def test_the_number_of_statements_does_not_grow(room: Room, size: int) -> None:
    def batch() -> list[Any]:
        fresh = [record(event(n)) for n in range(size)] + [record(command(n)) for n in range(size)]
        repeats = [record(command(n, address="again")) for n in range(size)]
        return fresh + repeats

    with statements(room.engine) as seen:
        await processor(room).process(batch())
    # claim, events, commands, answers, repeats' answers, outbox
    assert len(seen) == 6
    assert await room.scalar("SELECT count(*) FROM facts") == 2 * size
    assert len(await replies(room)) == 2 * size


async def test_the_span_of_a_message_reaches_its_handler(room: Room) -> None:
    seen: list[str | None] = []

    async def look(tx: Transaction, messages: Sequence[Message[Noted]]) -> None:
        seen.extend(m.traceparent for m in messages)

    kept, dropped = "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "00-" + "c" * 32 + "-" + "d" * 16 + "-00"
    handlers = Handlers(events={Noted: look}, commands={})
    await processor(room, handlers).process(
        [record(event(n, traceparent=t)) for n, t in enumerate((kept, dropped, None))]
    )
    assert seen[0] is not None
    assert seen[0].startswith("00-" + "a" * 32)
    assert seen[1:] == [dropped, None]


async def test_the_purge_keeps_what_runs_and_what_is_young(room: Room) -> None:
    async with room.engine.begin() as conn:
        await conn.exec_driver_sql("""
            INSERT INTO inbox (key, state, received_at)
            SELECT 'old ' || n, 'done', now() - interval '29 days' FROM generate_series(1, 10001) AS n
            UNION ALL SELECT 'young', 'done', now() - interval '27 days'
            UNION ALL SELECT 'runs', 'running', now() - interval '29 days'
        """)
        assert [await inbox.purge(conn, 28), await inbox.purge(conn, 28), await inbox.purge(conn, 28)] == [10_000, 1, 0]
    assert await room.column("SELECT key FROM inbox ORDER BY key") == ["runs", "young"]


async def test_an_envelope_survives_the_wire(room: Room) -> None:
    sent = command(3, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", subject="批次 1")
    assert Envelope.decode(sent.encode()) == sent


def organisation(id_: int, version: int, path: str) -> Organisation:
    return Organisation(
        id=id_,
        parent_id=1,
        path=path,
        level=OrganisationLevel.UNION,
        kind=OrganisationKind.DISTRICT,
        name=f"工会 {version}",
        district_code="363",
        version=version,
    )


async def test_the_copy_of_the_tree_takes_what_is_newer_in_whatever_order_it_comes(room: Room) -> None:
    handlers = Handlers(events={OrganisationsChanged: follow_organisations}, commands={})

    async def come(*organisations: Organisation) -> None:
        changed = OrganisationsChanged(organisations=list(organisations))
        await processor(room, handlers).process([record(envelope_of(changed))])

    await come(organisation(5, 2, "/1/5/"), organisation(6, 1, "/1/6/"))
    await come(organisation(5, 1, "/1/4/5/"))
    await come(organisation(6, 3, "/1/7/6/"), organisation(6, 2, "/1/8/6/"))
    assert await room.column("SELECT id || ' ' || version || ' ' || path FROM organisations ORDER BY id") == [
        "5 2 /1/5/",
        "6 3 /1/7/6/",
    ]
