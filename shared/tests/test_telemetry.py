"""Traces that run unbroken through the crossings, and logs without a word about persons."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pydantic
import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy.exc import DBAPIError

from unioncard import telemetry
from unioncard.contracts.members import Organisation
from unioncard.messaging.handling import Handlers, InboxProcessor, Message, Outcome, Succeeded
from unioncard.telemetry import SpanFile
from unioncard.unit_of_work import Transaction
from unioncard_testing import Do, Done, Noted, Room, record

Logged = Callable[[], list[dict[str, Any]]]

TRACED = """
import sys
from pathlib import Path
from unioncard import telemetry
from unioncard.settings import Settings

telemetry.start_telemetry(sys.argv[1], Settings(trace_file=Path(sys.argv[2]), trace_ratio=1.0))
with telemetry.span("outer"):
    with telemetry.span("inner", attributes={"n": 1}):
        print(telemetry.current_traceparent())
with telemetry.span("elsewhere", parent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"):
    pass
with telemetry.span("dropped", parent="00-" + "c" * 32 + "-" + "d" * 16 + "-00"):
    pass
"""


def test_spans_of_several_processes_go_to_one_file_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "spans.jsonl"
    processes = [
        subprocess.Popen([sys.executable, "-c", TRACED, name, str(file)], stdout=subprocess.PIPE, text=True)
        for name in ("one-svc", "two-svc")
    ]
    printed = [process.communicate(timeout=150)[0].strip() for process in processes]
    spans = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(span["name"] for span in spans) == sorted(["outer", "inner", "elsewhere"] * 2)
    for name, traceparent in zip(("one-svc", "two-svc"), printed, strict=True):
        mine = {s["name"]: s for s in spans if s["resource"]["attributes"]["service.name"] == name}
        inner, outer = mine["inner"]["context"], mine["outer"]["context"]
        assert traceparent.startswith(f"00-{inner['trace_id'][2:]}-{inner['span_id'][2:]}-0")
        assert (inner["trace_id"], mine["inner"]["parent_id"]) == (outer["trace_id"], outer["span_id"])
        assert mine["elsewhere"]["context"]["trace_id"] == "0x" + "a" * 32
        assert mine["elsewhere"]["parent_id"] == "0x" + "b" * 16


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans as in a service, kept nowhere."""
    monkeypatch.setattr(telemetry, "_tracer", TracerProvider().get_tracer("tests"))


@pytest.mark.usefixtures("tracer")
async def test_a_trace_runs_from_the_request_through_a_message_to_the_reply(room: Room) -> None:
    async def pass_on(tx: Transaction, messages: Sequence[Message[Do]]) -> Sequence[Outcome]:
        for message in messages:
            tx.publish(Noted(number=message.data.number), key="k", traceparent=message.traceparent)
        return [Succeeded(Done(number=1, run=1)) for _ in messages]

    with telemetry.span("POST /batches") as span:
        request = f"{span.get_span_context().trace_id:032x}"
        async with room.work.begin("account:1") as tx:
            tx.audit("x", "y:1")
            tx.publish(Do(number=1), key="k", idempotency_key="do/1", reply_to="home")
    assert (await room.scalar("SELECT traceparent FROM audit_log")).split("-")[1] == request
    [sent] = await room.outgoing()
    await room.as_admin("TRUNCATE outbox")
    await InboxProcessor(room.work, Handlers(events={}, commands={Do: pass_on}), "t").process([record(sent)])
    received = await room.outgoing()
    assert [(e.type, (e.traceparent or "").split("-")[1]) for e in received] == [
        ("command.succeeded.v1", request),
        ("test.noted.v1", request),
    ]
    # The event hangs below the handling, not beside it.
    assert (received[1].traceparent or "").split("-")[2] != (sent.traceparent or "").split("-")[2]


@pytest.mark.parametrize(
    ("traceparent", "kept"),
    [
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-01", True),
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-03", True),
        ("00-" + "a" * 32 + "-" + "b" * 16 + "-00", False),
        ("rubbish", False),
        ("", False),
        (None, False),
    ],
)
def test_only_traces_that_someone_keeps_get_spans(traceparent: str | None, kept: bool) -> None:
    assert telemetry.is_kept(traceparent) is kept


def test_without_a_span_there_is_no_traceparent() -> None:
    assert telemetry.current_traceparent() is None
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.usefixtures("tracer")
def test_log_lines_carry_service_level_and_trace(logged: Logged) -> None:
    with telemetry.span("x") as span:
        structlog.get_logger().warning("batch.late", batch="cbc363")
    [entry] = logged()
    assert entry | {"timestamp": ""} == {
        "event": "batch.late",
        "batch": "cbc363",
        "service": "test-svc",
        "level": "warning",
        "timestamp": "",
        "trace": f"{span.get_span_context().trace_id:032x}",
    }


async def broken_database(room: Room) -> None:
    async with room.engine.begin() as conn:
        await conn.exec_driver_sql("INSERT INTO facts (id, number) VALUES (%(id)s, %(n)s)", {"id": None, "n": 31019})


async def broken_value(room: Room) -> None:
    async with room.engine.begin() as conn:
        await conn.exec_driver_sql("SELECT CAST(CAST(%(n)s AS text) AS int)", {"n": "张三"})


async def broken_model(room: Room) -> None:
    Organisation.model_validate({"id": "张三"})


async def broken_code(room: Room) -> None:
    try:
        int("张三")
    except ValueError as error:
        raise LookupError("李四") from error


@pytest.mark.parametrize(
    ("breaks", "kind"),
    [
        (broken_database, "IntegrityError 23502"),
        (broken_value, "DataError 22P02"),
        (broken_model, "ValidationError"),
        (broken_code, "LookupError"),
    ],
)
async def test_no_log_line_tells_what_an_error_choked_on(
    room: Room, logged: Logged, breaks: Callable[[Room], Any], kind: str
) -> None:
    try:
        await breaks(room)
    except Exception:
        structlog.get_logger().exception("part.broke")
    [entry] = logged()
    assert entry["error_chain"][0].startswith(f"{kind} at test_telemetry.py:")
    if breaks is broken_code:
        assert [link.split(" ")[0] for link in entry["error_chain"]] == ["LookupError", "ValueError"]
    for secret in ("张三", "李四", "31019"):
        assert secret not in str(entry)


async def test_errors_themselves_hide_parameters_and_inputs(room: Room) -> None:
    with pytest.raises(DBAPIError) as database:
        await broken_database(room)
    assert "hidden due to hide_parameters" in str(database.value)
    with pytest.raises(pydantic.ValidationError) as model:
        await broken_model(room)
    assert "张三" not in str(model.value)


def test_libraries_log_as_we_do(logged: Logged) -> None:
    import logging

    logging.getLogger("some.library").warning("something %s", "happened")
    logging.getLogger("aiokafka").info("too much")
    [entry] = logged()
    assert (entry["event"], entry["level"], entry["service"]) == ("something happened", "warning", "test-svc")


def test_a_span_file_is_only_added_to(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    file.write_text("first\n")
    SpanFile(file).export([])
    assert file.read_text() == "first\n"
