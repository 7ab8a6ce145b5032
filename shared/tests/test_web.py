"""The edge: every refusal is a problem document, a POST counts once, and pages do not lose their place."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request, UploadFile
from prometheus_client import REGISTRY as METRICS
from pydantic import BaseModel, ConfigDict, Field, model_validator

from unioncard.auth import Principal, Role
from unioncard.database import engine_for
from unioncard.problems import Problem, RowError, conflict, invalid, not_found
from unioncard.settings import Settings
from unioncard.unit_of_work import UnitOfWork
from unioncard.web import idempotency
from unioncard.web.app import MAX_BODY_BYTES, make_app
from unioncard.web.idempotency import IdempotencyKey, once
from unioncard.web.pages import Page, PageRequest, Paging, after, before, cursor_after
from unioncard_testing import Room, no_lifespan
from unioncard_testing.trial import HandClock

ROWS = [RowError(line=3, name="张三", number="3101…1234", field="手机号", reason="位数不对", remedy="请填 11 位手机号")]


class Thing(BaseModel):
    number: Annotated[int, Field(ge=1, le=2**63 - 1)]
    extra: dict[str, int] = {}


class Made(BaseModel):
    id: int
    at: datetime


def application(room: Room) -> FastAPI:
    app = make_app("test", "test", no_lifespan)

    @app.post("/things", status_code=201, response_model=Made)
    async def make(account: int, thing: Thing, key: IdempotencyKey) -> Any:
        async with room.work.begin(f"account:{account}") as tx:

            async def insert() -> Made:
                statement = sa.text("INSERT INTO facts (number) VALUES (:n) RETURNING id")
                id_ = await tx.conn.scalar(statement, {"n": thing.number})
                if thing.number == 13:
                    raise invalid("unlucky", "数字不吉利", "请换一个数字")
                tx.audit("thing.make", f"thing:{id_}")
                return Made(id=id_ or 0, at=tx.now)

            return await once(tx, Principal(account, Role.UNION, 1), key, thing, insert)

    add_reading(app, room)
    add_bodies(app)
    return app


def add_reading(app: FastAPI, room: Room) -> None:
    @app.get("/things")
    async def things(page: Paging) -> Page[int]:
        async with room.engine.connect() as conn:
            statement = sa.text("SELECT id FROM facts WHERE id > :after ORDER BY id LIMIT :limit")
            [last] = page.key(int) or (0,)
            rows = list((await conn.scalars(statement, {"after": last, "limit": page.limit + 1})).all())
        return Page(items=rows[: page.limit], next=cursor_after(rows, page.limit, lambda row: [row]))

    @app.get("/fails/{how}")
    async def fails(how: str) -> None:
        match how:
            case "rows":
                raise Problem(422, "rows-invalid", "有 1 行不符合要求", rows=ROWS, extra={"total": 5})
            case "conflict":
                raise conflict("batch-closed", "批次已关闭", state="closed")
            case "missing":
                raise not_found("该批次")
            case "sql":
                async with room.engine.connect() as conn:
                    await conn.exec_driver_sql("SELECT CAST('张三' AS int)")
            case _:
                raise LookupError("张三 310101198001011234")


def add_bodies(app: FastAPI) -> None:
    @app.post("/upload")
    async def upload(file: UploadFile) -> int:
        return len(await file.read())

    @app.post("/echo")
    async def echo(body: dict[str, Any]) -> int:
        return len(body)

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    # Errors must become answers: raise_app_exceptions would hide that they do not.
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def client(room: Room) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(room)) as made:
        yield made


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["type"], body["status"]) == (f"urn:unioncard:problem:{code}", status)
    assert body["instance"] == answer.request.url.path
    assert any("一" <= character <= "鿿" for character in body["title"])
    return body


async def test_what_was_raised_below_arrives_as_a_problem(client: httpx.AsyncClient) -> None:
    body = problem(await client.get("/fails/rows"), 422, "rows-invalid")
    assert (body["rows"], body["total"]) == ([row.model_dump() for row in ROWS], 5)
    assert problem(await client.get("/fails/conflict"), 409, "batch-closed")["state"] == "closed"
    assert problem(await client.get("/fails/missing"), 404, "not-found")["title"] == "没有找到该批次"


@pytest.mark.parametrize("how", ["bug", "sql"])
async def test_an_error_of_ours_tells_nobody_what_it_choked_on(
    client: httpx.AsyncClient, how: str, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    answer = await client.get(f"/fails/{how}")
    problem(answer, 500, "internal")
    [entry] = [one for one in logged() if one["event"] == "http.broke"]
    assert entry["route"] == "/fails/{how}"
    assert "test_web.py" in entry["error_chain"][0]
    for text in (answer.text, str(logged())):
        assert "张三" not in text


async def test_a_caller_who_hangs_up_is_no_error_of_ours(
    room: Room, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    sent: list[Any] = []
    parts = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(parts)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/raw", "headers": [], "query_string": b""}
    await application(room)(scope, receive, send)
    assert sent[0]["status"] == 499
    assert not [one for one in logged() if one["event"] == "http.broke"]


async def test_a_request_is_of_the_moment_at_which_it_began_to_come(room: Room) -> None:
    before, midnight = datetime(2019, 12, 27, 15, 59, 59, tzinfo=UTC), datetime(2019, 12, 27, 16, tzinfo=UTC)
    clock = HandClock(before)
    work = UnitOfWork(room.engine, clock, "test-svc")
    app = make_app("test", "test", no_lifespan)
    app.state.context = SimpleNamespace(clock=clock)

    @app.post("/slow")
    async def slow(request: Request) -> datetime:
        await request.body()
        async with work.begin("account:1") as tx:
            return tx.now

    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        clock.at = midnight
        yield b"half"

    async with client_of(app) as client:
        answer = await client.post("/slow", content=body())
    assert datetime.fromisoformat(answer.json()) == before
    async with work.begin("message:1") as tx:
        assert tx.now == midnight


async def test_addresses_and_methods_that_are_not_there(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nowhere"), 404, "not-found")
    answer = await client.delete("/fails/conflict")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"


async def test_invalid_requests_name_the_field_and_not_the_value(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things?account=1", json={"number": "张三"}, headers={"Idempotency-Key": "abcdefgh"})
    body = problem(answer, 422, "invalid-request")
    assert [(one["in"], one["field"]) for one in body["fields"]] == [("body", "number")]
    assert "张三" not in answer.text
    body = problem(await client.post("/things?account=1", json={"number": 1}), 422, "invalid-request")
    assert [(one["in"], one["field"]) for one in body["fields"]] == [("header", "idempotency-key")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b"\xff", "application/json"),
        (b'{"number": 1, "extra": {"\\ud800": "x"}}', "application/json"),
        (b'{"number": 9223372036854775808}', "application/json"),
        (b'{"number": 1e400}', "application/json"),
        (b'{"number": NaN}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"number=1", "application/x-www-form-urlencoded"),
        (b"", "application/json"),
        (b"x", "multipart/form-data"),
    ],
)
async def test_no_body_breaks_us(client: httpx.AsyncClient, content: bytes, kind: str) -> None:
    headers = {"Idempotency-Key": "abcdefgh", "Content-Type": kind}
    answer = await client.post("/things?account=1", content=content, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_uploads_that_are_none_are_refused(client: httpx.AsyncClient) -> None:
    for content, kind in [
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=b"),
        (b"", "text/plain"),
    ]:
        answer = await client.post("/upload", content=content, headers={"Content-Type": kind})
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == "application/problem+json"


async def chunks(total: int, start: bytes = b"") -> AsyncIterator[bytes]:
    yield start
    for _ in range(0, total, 1024 * 1024):
        yield b"x" * 1024 * 1024


@pytest.mark.parametrize("path", ["/raw", "/echo", "/upload", "/things?account=1"])
async def test_bodies_too_large_are_refused_with_and_without_a_length(client: httpx.AsyncClient, path: str) -> None:
    headers = {"Idempotency-Key": "abcdefgh", "Content-Type": "application/json"}
    if path == "/upload":
        headers["Content-Type"] = "multipart/form-data; boundary=b"
    told = await client.post(path, headers={**headers, "Content-Length": str(MAX_BODY_BYTES + 1)})
    assert problem(told, 413, "body-too-large")["title"] == "上传内容过大：请求不得超过 20 MB"
    problem(await client.post(path, headers={**headers, "Content-Length": "9" * 40}), 413, "body-too-large")
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' if path == "/upload" else b""
    endless = chunks(MAX_BODY_BYTES + 2**20, start)
    problem(await client.post(path, content=endless, headers=headers), 413, "body-too-large")


async def test_a_body_of_the_largest_size_passes(client: httpx.AsyncClient) -> None:
    assert (await client.post("/raw", content=chunks(MAX_BODY_BYTES))).json() == MAX_BODY_BYTES


async def test_while_the_database_is_away_it_is_our_fault_and_nothing_is_changed(room: Room) -> None:
    room.engine = engine_for("postgresql://nobody@127.0.0.1:1/nothing", Settings())
    async with client_of(application(room)) as client:
        answer = await client.get("/things")
    assert problem(answer, 503, "unavailable")["detail"].startswith("不能确定本次操作是否生效")
    assert answer.headers["retry-after"] == "2"


async def test_health_and_metrics(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"service": "test", "ready": True}
    labels = {"method": "GET", "route": "/fails/{how}", "status": "409"}
    before = METRICS.get_sample_value("http_seconds_count", labels) or 0
    await client.get("/fails/conflict")
    assert METRICS.get_sample_value("http_seconds_count", labels) == before + 1
    await client.request("GET", "/fails/nobody-counts-this-path")
    await client.request("BREW", "/nowhere/17")
    text = (await client.get("/metrics")).text
    assert 'method="other",route="unknown",status="404"' in text
    for secret in ("nobody-counts", "BREW", "nowhere"):
        assert secret not in text


async def post(client: httpx.AsyncClient, account: int, number: int, key: str) -> httpx.Response:
    return await client.post(f"/things?account={account}", json={"number": number}, headers={"Idempotency-Key": key})


async def test_a_post_that_comes_twice_makes_one_thing(room: Room, client: httpx.AsyncClient) -> None:
    first, second = [await post(client, 1, 7, "key-00000001") for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert ("idempotent-replay" in first.headers, "idempotent-replay" in second.headers) == (False, True)
    assert await room.numbers() == [7]
    assert await room.scalar("SELECT count(*) FROM audit_log") == 1


async def test_posts_that_come_at_once_make_one_thing(room: Room, client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(post(client, 1, 7, "key-00000001") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) <= 2  # the stored answer has its fields in another order
    assert len({json.dumps(answer.json(), sort_keys=True) for answer in answers}) == 1
    assert await room.numbers() == [7]


async def test_a_key_is_for_one_content_one_account_and_one_address(room: Room, client: httpx.AsyncClient) -> None:
    await post(client, 1, 7, "key-00000001")
    problem(await post(client, 1, 8, "key-00000001"), 422, "idempotency-key-reused")
    assert (await post(client, 2, 8, "key-00000001")).status_code == 201
    assert (await post(client, 1, 8, "key-00000002")).status_code == 201
    assert await room.numbers() == [7, 8, 8]


async def test_a_refusal_uses_up_no_key_and_changes_nothing(room: Room, client: httpx.AsyncClient) -> None:
    problem(await post(client, 1, 13, "key-00000001"), 422, "unlucky")
    assert await room.numbers() == []
    assert (await post(client, 1, 14, "key-00000001")).status_code == 201


@pytest.mark.parametrize("key", ["short", "x" * 101, "has space", "nul\\0nul\\0", "中文中文中文中文"])
async def test_strange_keys_are_refused(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/things?account=1", json={"number": 1}, headers={b"Idempotency-Key": key.encode()})
    problem(answer, 422, "invalid-request")


async def test_old_keys_are_forgotten(room: Room, client: httpx.AsyncClient) -> None:
    await post(client, 1, 7, "key-00000001")
    await post(client, 1, 8, "key-00000002")
    async with room.engine.begin() as conn:
        await conn.exec_driver_sql(
            "UPDATE idempotency_keys SET created_at = now() - interval '29 days' WHERE key = 'key-00000001'"
        )
        assert await idempotency.purge(conn, 28) == 1
    assert await room.column("SELECT key FROM idempotency_keys") == ["key-00000002"]


async def test_pages_follow_one_another_under_inserts(room: Room, client: httpx.AsyncClient) -> None:
    async with room.engine.begin() as conn:
        await conn.exec_driver_sql("INSERT INTO facts (number) SELECT 1 FROM generate_series(1, 5)")
    first = (await client.get("/things", params={"limit": 2})).json()
    assert first["items"] == [1, 2]
    async with room.engine.begin() as conn:
        await conn.exec_driver_sql("DELETE FROM facts WHERE id = 2")
        await conn.exec_driver_sql("INSERT INTO facts (number) VALUES (1)")
    second = (await client.get("/things", params={"limit": 2, "after": first["next"]})).json()
    assert second["items"] == [3, 4]
    third = (await client.get("/things", params={"limit": 2, "after": second["next"]})).json()
    assert (third["items"], third["next"]) == ([5, 6], None)


def cursor(content: Any) -> str:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


@pytest.mark.parametrize(
    "after_",
    [
        "!",
        "a",
        "中文",
        "=",
        cursor(b"\xff"),
        cursor(b"[" * 300),
        cursor({}),
        cursor([]),
        cursor(["1"]),
        cursor([1, 2]),
        cursor([None]),
        cursor([True]),
        cursor([1.0]),
        cursor([2**63]),
        cursor([-(2**63) - 1]),
        cursor([10**40]),
    ],
)
async def test_made_up_cursors_are_refused(client: httpx.AsyncClient, after_: str) -> None:
    problem(await client.get("/things", params={"after": after_}), 422, "bad-cursor")


async def test_limits_have_limits(client: httpx.AsyncClient) -> None:
    for limit in (0, 201, -1, "x", 10**30):
        problem(await client.get("/things", params={"limit": limit}), 422, "invalid-request")
    problem(await client.get("/things", params={"after": "x" * 501}), 422, "invalid-request")


def test_a_cursor_brings_back_what_it_was_made_of() -> None:
    moment = datetime(2026, 1, 5, 8, 0, 0, 123456, tzinfo=UTC)
    row = (moment, date(2026, 1, 5), "张三", 7, True)
    made = cursor_after([row, row], 1, lambda r: list(r))
    assert PageRequest(1, made).key(datetime, date, str, int, bool) == row
    wrong: list[tuple[Any, type]] = [(value, datetime) for value in ("2026-01-05T08:00:00", "yesterday", 5, None)]
    for value, kind in [*wrong, ("a\0", str), (5, str), (["x"], str)]:
        with pytest.raises(Problem):
            PageRequest(1, cursor([value])).key(kind)


async def test_rows_after_and_before_a_key_by_several_columns(room: Room) -> None:
    async with room.engine.begin() as conn:
        await conn.exec_driver_sql("INSERT INTO facts (number) VALUES (1), (1), (2), (2), (3)")
        facts = sa.table("facts", sa.column("id", sa.BigInteger), sa.column("number", sa.BigInteger))
        columns = [facts.c.number, facts.c.id]
        up = sa.select(facts.c.id).where(after(columns, (2, 3))).order_by(*columns)
        assert list(await conn.scalars(up)) == [4, 5]
        down = sa.select(facts.c.id).where(before(columns, (2, 3))).order_by(*(c.desc() for c in columns))
        assert list(await conn.scalars(down)) == [2, 1]


def test_the_openapi_document_names_the_refusals(room: Room) -> None:
    document = application(room).openapi()
    answers = document["paths"]["/things"]["get"]["responses"]
    assert set(answers) == {"200", "400", "422"}
    assert answers["422"]["content"]["application/problem+json"]["schema"]["$ref"].endswith("/ProblemDocument")


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=2, pattern="^[a-z]+$")]
    heads: Annotated[int, Field(ge=1)]
    sex: Literal["male", "female"] = "male"
    on: date | None = None

    @model_validator(mode="after")
    def _fits(self) -> "_Form":
        if self.name == "nobody":
            raise ValueError("没有这个人")
        return self


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        (b'{"heads": 1}', {"name": "必须填写"}),
        (b'{"name": "A1", "heads": 0}', {"name": "格式不正确", "heads": "不得小于 1"}),
        (b'{"name": "a", "heads": "x"}', {"name": "至少 2 个字符", "heads": "应为整数"}),
        (b'{"name": "ab", "heads": 1, "sex": "x"}', {"sex": "只能是 'male'、'female' 之一"}),
        (b'{"name": "ab", "heads": 1, "on": "2020-02-30"}', {"on": "不是有效日期，请按 2020-01-31 填写"}),
        (b'{"name": "ab", "heads": 1, "more": 1}', {"more": "没有这一项，请删除"}),
        (b'{"name": "nobody", "heads": 1}', {"": "没有这个人"}),
        (b'{"name": ', {"": "不是有效的 JSON"}),
    ],
)
async def test_what_is_wrong_is_said_in_chinese(sent: bytes, fields: dict[str, str]) -> None:
    app = make_app("test", "test", no_lifespan)

    @app.post("/forms")
    async def take(form: _Form) -> None:
        return None

    async with client_of(app) as client:
        answer = await client.post("/forms", content=sent, headers={"content-type": "application/json"})
    body = problem(answer, 422, "invalid-request")
    assert {one["field"]: one["reason"] for one in body["fields"]} == fields
