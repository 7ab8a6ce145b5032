"""Sets, not rows: the same number of statements for 10 rows as for 1,000, and messages that fit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from member_svc_testing.rosters import Row, people, person
from member_svc_testing.world import World
from unioncard.contracts.members import MembersChanged
from unioncard.messaging.envelope import MAX_MESSAGE_BYTES


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """The statements that the service sends meanwhile."""
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    engine = world.context.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def ask_and_approve(world: World, rows: list[Row]) -> tuple[int, int]:
    union, district = await world.union(), await world.district()
    with statements(world) as asked:
        import_id = await union.import_people(rows)
    with statements(world) as approved:
        assert (await district.decide(import_id)).status_code == 200
    return len(asked), len(approved)


async def test_statements_do_not_grow_with_the_number_of_rows(world: World) -> None:
    few = await ask_and_approve(world, people(10))
    many = await ask_and_approve(world, people(1000, start=1001))
    assert few == many
    changed = await ask_and_approve(world, [person(n, 学历="硕士") for n in range(1001, 2001)])
    mixed = await ask_and_approve(
        world, [*people(500, start=3001), *(person(n, 学历="博士") for n in range(1001, 1501))]
    )
    assert many == changed == mixed
    assert max(many) <= 25


async def test_statements_of_a_transfer_out_do_not_grow_with_it(world: World) -> None:
    union, counts = await world.union(), []
    for count, start in ((10, 1), (1000, 1001)):
        await ask_and_approve(world, people(count, start=start))
        ids = [row["id"] for row in await world.rows("SELECT id FROM members WHERE union_id IS NOT NULL")]
        with statements(world) as seen:
            answer = await union.post("/transfer-outs", {"member_ids": ids, "reason": "left"})
        assert (answer.status_code, answer.json()["rows"]) == (201, count)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 25


async def test_a_thousand_members_with_the_longest_fields_are_split_by_bytes(world: World) -> None:
    longest = [person(n, 姓名="测" * 100, 联系地址="址" * 100) for n in range(1, 1001)]
    await ask_and_approve(world, longest)
    envelopes = await world.outbox(MembersChanged.TYPE)
    assert len(envelopes) > 1
    assert all(len(envelope.encode()) <= MAX_MESSAGE_BYTES for envelope in envelopes)
    events = [MembersChanged.model_validate(envelope.data) for envelope in envelopes]
    told = [member.id for event in events for member in event.members]
    assert sorted(told) == list(range(1, 1001))
    assert len({event.seal["card-svc"] for event in events}) == len(events)
