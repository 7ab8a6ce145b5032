"""Calls to partners: made outside of transactions, again after a crash, and answered together with their result."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from unioncard.messaging.handling import Handlers, InboxProcessor, Message, Outcome, Pending, Refused, Succeeded
from unioncard.partners import (
    Call,
    CircuitBreaker,
    Dispatcher,
    NewCall,
    NotReady,
    Operation,
    PartnerDown,
    record_calls,
)
from unioncard.unit_of_work import Transaction
from unioncard_testing import Do, Done, Room, command, eventually, record, running, statements

FACT = sa.text("INSERT INTO facts (number) VALUES (:number) RETURNING id")


async def ask_later(tx: Transaction, messages: Sequence[Message[Do]]) -> Sequence[Outcome]:
    """Handler that leaves the work to the bank."""
    calls = [NewCall("bank", "submit", {"number": m.data.number}, m.key, Do.TYPE, m.traceparent) for m in messages]
    await record_calls(tx, calls)
    return [Pending() for _ in messages]


async def give(room: Room, *numbers: int, address: str = "home") -> None:
    """Commands arrive."""
    processor = InboxProcessor(room.work, Handlers(events={}, commands={Do: ask_later}), "tests")
    await processor.process([record(command(number, address=address)) for number in numbers])


async def take_note(tx: Transaction, call: Call, answer: Any) -> Outcome:
    run = await tx.conn.scalar(FACT, {"number": call.request["number"]})
    return Succeeded(Done(number=answer, run=run or 0))


def dispatcher(
    room: Room,
    ask: Callable[[AsyncEngine, Call], Awaitable[Any]],
    keep: Callable[[Transaction, Call, Any], Awaitable[Outcome]] = take_note,
    **more: Any,
) -> Dispatcher:
    operations = {"submit": Operation(ask=ask, record=keep)}
    return Dispatcher("bank", operations, room.work, room.database.app_url, **more)


async def replies(room: Room, count: int) -> list[tuple[str | None, str, dict[str, Any]]]:
    """(address, type, data) once there are so many."""

    async def there() -> bool:
        return len(await room.outgoing()) >= count

    await eventually(there)
    return [(e.replyto, e.type, e.data) for e in await room.outgoing()]


async def echo(engine: AsyncEngine, call: Call) -> Any:
    return call.request["number"] * 10


async def test_result_and_reply_come_in_one_transaction(room: Room) -> None:
    async def fails_late(tx: Transaction, call: Call, answer: Any) -> Outcome:
        outcome = await take_note(tx, call, answer)
        if call.request["number"] == 2:
            raise LookupError("张三")
        return outcome

    await give(room, 1, 2)
    async with running(dispatcher(room, echo, fails_late).run):
        answers = sorted(await replies(room, 2), key=lambda answer: answer[1])
    assert answers[0][1:] == (
        "command.failed.v1",
        {"command": "test.do.v1", "reason": answers[0][2]["reason"], "dead": False},
    )
    assert answers[0][2]["reason"].startswith("bank: LookupError at test_partners.py:")
    assert answers[1][1:] == (
        "command.succeeded.v1",
        {"command": "test.do.v1", "result": {"number": 10, "run": answers[1][2]["result"]["run"]}},
    )
    assert await room.numbers() == [1]
    assert await room.column("SELECT key FROM inbox") == ["do/1"]
    assert await room.scalar("SELECT count(*) FROM partner_calls") == 0


async def test_a_repeat_after_the_answer_gets_it_and_the_partner_is_not_asked_again(room: Room) -> None:
    asked: list[int] = []

    async def count(engine: AsyncEngine, call: Call) -> Any:
        asked.append(call.request["number"])
        return 5

    await give(room, 1, address="one")
    async with running(dispatcher(room, count).run):
        await replies(room, 1)
        await give(room, 1, address="two")
        answers = await replies(room, 2)
    assert [(address, data["result"]) for address, _, data in answers] == [
        ("one", {"number": 5, "run": 1}),
        ("two", {"number": 5, "run": 1}),
    ]
    assert asked == [1]


async def test_all_who_asked_while_it_ran_are_answered(room: Room) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(engine: AsyncEngine, call: Call) -> Any:
        inside.set()
        await go_on.wait()
        return 5

    await give(room, 1, address="one")
    async with running(dispatcher(room, slow).run):
        await inside.wait()
        for address in ("two", "two", "three"):
            await give(room, 1, address=address)
        go_on.set()
        answers = await replies(room, 3)
    assert sorted(str(address) for address, _, _ in answers) == ["one", "three", "two"]


async def test_a_refusal_by_the_partner_is_final(room: Room) -> None:
    async def refuse(tx: Transaction, call: Call, answer: Any) -> Outcome:
        return Refused("bank-refused", "银行不受理此批次")

    await give(room, 1, address="one")
    async with running(dispatcher(room, echo, refuse).run):
        await replies(room, 1)
        await give(room, 1, address="two")
        answers = await replies(room, 2)
    refusal = {"command": "test.do.v1", "code": "bank-refused", "detail": "银行不受理此批次"}
    assert answers == [("one", "command.refused.v1", refusal), ("two", "command.refused.v1", refusal)]


async def test_a_partner_that_is_down_leaves_nothing_stored_and_everyone_told(room: Room) -> None:
    working = False
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def down(engine: AsyncEngine, call: Call) -> Any:
        if working:
            return 5
        inside.set()
        await go_on.wait()
        raise PartnerDown("503")

    await give(room, 1, address="one")
    async with running(dispatcher(room, down).run):
        await inside.wait()
        await give(room, 1, address="two")
        go_on.set()
        answers = await replies(room, 2)
        failure = {"command": "test.do.v1", "reason": "bank: 503", "dead": False}
        assert sorted(answers) == [("one", "command.failed.v1", failure), ("two", "command.failed.v1", failure)]
        assert await room.scalar("SELECT count(*) FROM inbox") == 0
        # The workflow tries again, and now it works.
        working = True
        await give(room, 1, address="three")
        assert (await replies(room, 3))[-1] == (
            "three",
            "command.succeeded.v1",
            {"command": "test.do.v1", "result": {"number": 5, "run": 1}},
        )


async def test_what_is_not_ready_is_given_back_and_says_nothing_of_the_partner(room: Room) -> None:
    ready = False

    async def not_yet(engine: AsyncEngine, call: Call) -> Any:
        if not ready:
            raise NotReady("somebody has not answered yet")
        return 5

    await give(room, *range(30))
    async with running(dispatcher(room, not_yet).run):
        # Far more than would open the circuit.
        answers = await replies(room, 30)
        assert {(type_, data["reason"]) for _, type_, data in answers} == {
            ("command.failed.v1", "bank: somebody has not answered yet")
        }
        ready = True
        await give(room, 1)
        assert (await replies(room, 31))[-1][1] == "command.succeeded.v1"
    assert await room.scalar("SELECT count(*) FROM partner_calls") == 0


async def test_a_partner_that_does_not_answer_in_time_counts_as_down(room: Room) -> None:
    async def never(engine: AsyncEngine, call: Call) -> Any:
        await asyncio.Event().wait()

    await give(room, 1)
    async with running(dispatcher(room, never, timeout_s=0.05).run):
        [(_, type_, data)] = await replies(room, 1)
    assert (type_, data["reason"]) == ("command.failed.v1", "bank: timed out")


async def test_the_call_of_a_dispatcher_that_died_is_made_by_another_when_its_lease_is_over(room: Room) -> None:
    asked = asyncio.Event()

    async def dies(engine: AsyncEngine, call: Call) -> Any:
        asked.set()
        await asyncio.Event().wait()

    await give(room, 1)
    async with running(dispatcher(room, dies, lease_s=1.0).run):
        await asked.wait()
    assert await room.scalar("SELECT lease FROM partner_calls") == 1
    async with running(dispatcher(room, echo, lease_s=1.0).run):
        [(_, type_, _)] = await replies(room, 1)
    assert type_ == "command.succeeded.v1"
    assert await room.numbers() == [1]


async def test_a_lease_is_renewed_for_as_long_as_the_call_lasts(room: Room) -> None:
    asked: list[str] = []
    go_on = asyncio.Event()

    def slow(name: str) -> Callable[[AsyncEngine, Call], Awaitable[Any]]:
        async def ask(engine: AsyncEngine, call: Call) -> Any:
            asked.append(name)
            await go_on.wait()
            return 5

        return ask

    await give(room, 1)
    async with running(*(dispatcher(room, slow(name), lease_s=0.6).run for name in ("one", "two"))):
        await eventually(lambda: asked)
        first = await room.scalar("SELECT leased_until FROM partner_calls")

        async def renewed_past_two_leases() -> bool:
            return bool(await room.scalar("SELECT leased_until > :t + interval '1.2 s' FROM partner_calls", t=first))

        await eventually(renewed_past_two_leases)
        go_on.set()
        await replies(room, 1)
    assert len(asked) == 1


async def test_whoever_lost_the_lease_writes_nothing(room: Room) -> None:
    inside, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(engine: AsyncEngine, call: Call) -> Any:
        inside.set()
        await go_on.wait()
        return 5

    class Watched(Dispatcher):
        async def _settle(self, call: Call, operation: Operation, answer: Any) -> None:
            await super()._settle(call, operation, answer)
            done.set()

    await give(room, 1)
    late = Watched("bank", {"submit": Operation(slow, take_note)}, room.work, room.database.app_url)
    async with running(late.run):
        await inside.wait()
        # As after a pause of the whole process: the lease ran out and another has taken the call.
        async with room.engine.begin() as conn:
            await conn.exec_driver_sql("UPDATE partner_calls SET lease = lease + 1")
        go_on.set()
        await done.wait()
    assert await room.numbers() == []
    assert await room.outgoing() == []
    assert await room.scalar("SELECT state FROM inbox") == "running"


async def test_no_transaction_is_open_while_the_partner_thinks(room: Room) -> None:
    async def transactions() -> bool:
        """Leasing and renewing take moments; a transaction around the call would be there for as long as it lasts."""
        open_ones = await room.as_admin(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = :user AND xact_start IS NOT NULL",
            user=room.database.app,
        )
        return bool(open_ones == 0)

    async def look(engine: AsyncEngine, call: Call) -> Any:
        return await eventually(transactions, 10.0)

    await give(room, *range(4))
    async with running(dispatcher(room, look, concurrency=1).run):
        answers = await replies(room, 4)
    assert {type_ for _, type_, _ in answers} == {"command.succeeded.v1"}


async def test_no_more_calls_at_once_than_asked_for(room: Room) -> None:
    at_once, most, go_on = 0, 0, asyncio.Event()

    async def count(engine: AsyncEngine, call: Call) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await go_on.wait()
        at_once -= 1
        return 5

    await give(room, *range(20))
    async with running(dispatcher(room, count, concurrency=3).run):
        await eventually(lambda: at_once == 3)
        assert await room.scalar("SELECT count(*) FROM partner_calls WHERE lease > 0") == 3
        go_on.set()
        await replies(room, 20)
    assert most == 3


async def test_two_dispatchers_share_the_calls_and_make_each_once(room: Room) -> None:
    asked: list[int] = []

    async def count(engine: AsyncEngine, call: Call) -> Any:
        asked.append(call.request["number"])
        await asyncio.sleep(0)
        return 5

    await give(room, *range(60))
    async with running(dispatcher(room, count).run, dispatcher(room, count).run):
        await replies(room, 60)
    assert sorted(asked) == list(range(60))


async def test_what_the_partner_said_is_not_lost_when_the_database_is_away(room: Room) -> None:
    asked = 0

    async def cut(engine: AsyncEngine, call: Call) -> Any:
        nonlocal asked
        asked += 1
        return 5

    times = 0

    async def cut_off(tx: Transaction, call: Call, answer: Any) -> Outcome:
        nonlocal times
        times += 1
        if times == 1:
            await tx.conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return await take_note(tx, call, answer)

    await give(room, 1)
    async with running(dispatcher(room, cut, cut_off).run):
        [(_, type_, _)] = await replies(room, 1)
    assert (type_, asked, times) == ("command.succeeded.v1", 1, 2)


async def test_the_trace_goes_through_the_call_to_the_reply(room: Room) -> None:
    processor = InboxProcessor(room.work, Handlers(events={}, commands={Do: ask_later}), "tests")
    trace = "a" * 32
    await processor.process([record(command(1, traceparent=f"00-{trace}-{'b' * 16}-01"))])
    async with running(dispatcher(room, echo).run):
        await replies(room, 1)
    [reply] = await room.outgoing()
    assert (reply.traceparent or "").startswith(f"00-{trace}-")


@pytest.mark.parametrize("size", [10, 1000])
async def test_recording_calls_takes_a_fixed_number_of_statements(room: Room, size: int) -> None:
    with statements(room.engine) as seen:
        await give(room, *range(size))
    assert len(seen) == 3  # claim, calls, notify
    assert await room.scalar("SELECT count(*) FROM partner_calls") == size


def test_the_circuit_opens_after_failures_and_one_try_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("unioncard.partners.time.monotonic", lambda: now)
    breaker = CircuitBreaker(failures=3, pause_s=5.0)
    for _ in range(3):
        assert breaker.allows(4) == 4
        breaker.begin()
        breaker.note(worked=False)
    assert breaker.allows(4) == 0
    now = 104.9
    assert breaker.allows(4) == 0
    now = 105.0
    assert [breaker.allows(4), breaker.allows(0)] == [1, 0]
    breaker.begin()
    assert breaker.allows(4) == 0
    now = 107.0
    breaker.note(worked=False)
    now = 111.9
    assert breaker.allows(4) == 0
    now = 112.0
    assert breaker.allows(4) == 1
    breaker.begin()
    breaker.note(worked=True)
    assert breaker.allows(4) == 4


async def test_while_the_circuit_is_open_calls_wait_and_the_partner_is_left_alone(room: Room) -> None:
    asked = 0

    async def down(engine: AsyncEngine, call: Call) -> Any:
        nonlocal asked
        asked += 1
        raise PartnerDown("503")

    await give(room, *range(30))
    asking = dispatcher(room, down, concurrency=1)
    asking._breaker = CircuitBreaker(pause_s=3600)
    async with running(asking.run):
        answers = await replies(room, 5)
        await give(room, 30)
        asking._wake.set()
        await eventually(lambda: not asking._wake.is_set())
    assert asked == 5
    assert {data["reason"] for _, _, data in answers} == {"bank: 503"}
    assert await room.scalar("SELECT count(*) FROM partner_calls WHERE leased_until IS NULL") == 26


async def test_when_the_partner_is_back_one_call_tries_and_all_that_waited_follow(room: Room) -> None:
    back = asyncio.Event()
    under_way, most = 0, 0

    async def sometimes(engine: AsyncEngine, call: Call) -> Any:
        nonlocal under_way, most
        under_way += 1
        if not back.is_set():
            most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        if not back.is_set():
            raise PartnerDown("503")
        return call.request["number"]

    await give(room, *range(30))
    asking = dispatcher(room, sometimes, concurrency=1)
    asking._breaker = CircuitBreaker(pause_s=0.05)
    async with running(asking.run):
        await replies(room, 7)
        assert most == 1
        back.set()
        answers = await replies(room, 30)
    assert {type_ for _, type_, _ in answers} == {"command.failed.v1", "command.succeeded.v1"}
    assert await room.scalar("SELECT count(*) FROM partner_calls") == 0


async def test_a_dispatcher_that_is_ended_in_the_moment_it_wakes_ends(room: Room) -> None:
    one = dispatcher(room, echo)
    task = asyncio.create_task(one.run())
    # Asleep once it has looked for calls; whether it sleeps already or not, it must end.
    await eventually(lambda: one._wake._waiters)
    one._wake.set()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    assert done == {task}
