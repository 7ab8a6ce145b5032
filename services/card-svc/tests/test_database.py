"""Migrations, what the application role may not do, and maintenance."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from card_svc.maintenance import load_outlets, migrate_database, republish
from card_svc.metadata import METADATA
from card_svc.outlets.load import DirectoryError
from card_svc_testing import SAMPLE_OUTLETS, Trial, member, submission
from unioncard.database import engine_for
from unioncard.migrations import drift
from unioncard.principal import Role
from unioncard_testing.trial import FEDERATION, UNION


async def test_migrations_and_tables_agree(trial: Trial) -> None:
    await asyncio.to_thread(migrate_database, trial.context.database)
    owner = engine_for(trial.context.database.owner_url)
    async with owner.connect() as conn:
        assert list(await drift(conn, METADATA)) == []


@pytest.mark.parametrize("table", ["audit_log", "card_log"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET actor = ''", "DELETE FROM {}", "TRUNCATE {}"])
async def test_logs_are_append_only_for_the_application(trial: Trial, table: str, statement: str) -> None:
    await trial.listed(1)
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        await trial.run(statement.format(table))


async def test_every_card_state_can_be_told_anew(trial: Trial) -> None:
    await trial.listed(3)
    await trial.run("DELETE FROM outbox")
    assert await republish(trial.context.work, trial.personal) == 3
    (event,) = await trial.sent("card.cards.changed.v1")
    assert (event.data["union_id"], len(event.data["cards"])) == (UNION, 3)


async def test_the_directory_of_outlets(trial: Trial) -> None:
    page = await trial.ok("GET", "/outlets", params={"branch": "中东示例支行"})
    assert [one["code"] for one in page["items"]] == ["ZD-001", "ZD-002"]
    head, first, *_ = SAMPLE_OUTLETS.read_text(encoding="utf-8").splitlines()
    assert await load_outlets(trial.context.work, f"\ufeff{head}\n{first}\n".encode()) == 1
    page = await trial.ok("GET", "/outlets")
    assert [one["code"] for one in page["items"]] == ["ZD-001"]
    with pytest.raises(DirectoryError, match="第 3 行：网点编号与第 2 行重复"):
        await load_outlets(trial.context.work, f"{head}\n{first}\n{first}\n".encode())
    with pytest.raises(DirectoryError, match="缺少列：网点编号"):
        await load_outlets(trial.context.work, b"a,b\n1,2\n")


async def test_who_was_transferred_out_keeps_the_card_and_is_nobodys(trial: Trial) -> None:
    await trial.listed(2)
    number = (await trial.ok("POST", "/batches", submission()))["batches"][0]["number"]
    out = member(1, version=2, state="without_union", union_id=None)
    told = trial.sealed(out)
    assert told.union_id is None
    await trial.tell(told, told)
    assert await trial.column("SELECT union_id FROM members ORDER BY id") == [None, UNION]
    assert [row["member_id"] for row in (await trial.ok("GET", "/cards"))["items"]] == [2]
    # What is at the bank stays there, and its answer finds the member (domain 4.8 is another matter).
    assert (await trial.ok("GET", f"/batches/{number}"))["members"] == 2
    ours, nobodys = "1:2:without_union:3630000001", "1:2:in_batch"
    for noun, content in (("members", ours), ("cards", nobodys)):
        path = f"/reconciliation/{noun}"
        first = (await trial.ok("GET", path, role=Role.FEDERATION, organisation=FEDERATION))["items"][0]
        (checksum,) = await trial.column("SELECT hashtextextended(:content, 0)::text", content=content)
        assert first == {"id": 0, "count": 1, "checksum": checksum}
    await trial.run("DELETE FROM outbox")
    assert await republish(trial.context.work, trial.personal) == 2
    assert [one.data["union_id"] for one in await trial.sent("card.cards.changed.v1")] == [0, UNION]


async def test_what_the_auditor_compares(trial: Trial) -> None:
    async def ask(noun: str) -> Any:
        path = f"/reconciliation/{noun}"
        return (await trial.ok("GET", path, role=Role.FEDERATION, organisation=FEDERATION))["items"]

    await trial.listed(2)
    # By hand: hash of "id:version:state" of both cards, summed.
    query = "SELECT sum(hashtextextended(x, 0))::text FROM unnest(ARRAY['1:1:to_do', '2:1:to_do']) AS x"
    assert await ask("cards") == [{"id": UNION, "count": 2, "checksum": (await trial.column(query))[0]}]
    assert [(one["id"], one["count"]) for one in await ask("members")] == [(UNION, 2)]
    assert len(await ask("organisations")) == 7
    number = (await trial.ok("POST", "/batches", submission()))["batches"][0]["number"]
    (batch,) = await ask("batches")
    assert (batch["number"], batch["waiting"], batch["accepted_at"]) == (number, 2, None)
    assert await ask("checks") == []
    assert await ask("set-aside") == []
    assert (await trial.call("GET", "/reconciliation/summary")).status_code == 403
