"""What no schema describes: broken JSON, bytes that are no text, numbers without end, forms that are none."""

import json
from collections.abc import Mapping

import pytest

from tests.access.calls import path_of
from tests.access.table import Line, read_table
from tests.city import City

_JSON = "application/json"
_FORM = "multipart/form-data; boundary=x"
_FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
#: Content type and body; each is refused whatever the endpoint.
BODIES: dict[str, tuple[str, bytes]] = {
    "nothing": (_JSON, b""),
    "half of an object": (_JSON, b'{"channel": "nor'),
    "no UTF-8": (_JSON, b'{"channel": "\xff\xfe\xc0"}'),
    "half a surrogate pair": (_JSON, b'{"\\ud800": "\\udfff"}'),
    "NUL characters": (_JSON, json.dumps({"\0": "\0", "channel": "\0", "reason": "\0", "purpose": "\0"}).encode()),
    "a list": (_JSON, b"[1, 2, 3]"),
    "NaN": (_JSON, b"NaN"),
    "a number of 10,000 digits": (_JSON, b'{"member_ids": [' + b"9" * 10_000 + b"]}"),
    "100,000 brackets": (_JSON, b"[" * 100_000),
    "100,000 nested objects": (_JSON, b'{"a":' * 100_000),
    "dates that are none": (_JSON, b'{"called_on": "2024-02-30", "on": "0000-00-00", "document_expiry": "99999-1-1"}'),
    "another type": ("text/plain", b"channel=normal"),
    "a type that is none": ("/;;=", b"{}"),
    "a form without parts": (_FORM, b"--x--\r\n"),
    "a form without end": (_FORM, b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.xlsx"\r\n\r\nPK'),
    "a form without boundary": ("multipart/form-data", b"--x\r\n\r\n--x--"),
    "a form of 2,000 fields": (
        _FORM,
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 2000 + b"--x--\r\n",
    ),
    "a form with a broken header": (_FORM, b"--x\r\nContent-Disposition\r\n\r\nb\r\n--x--\r\n"),
    "a file with a name that is none": (
        _FORM,
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="\x00\xff/../"\r\n\r\nPK\x03\x04\r\n--x--\r\n',
    ),
}
#: Bodies that say nothing wrong to endpoints which take none.
_NO_BODY = {"/notices/{notice_id}/read"}

QUERIES = (
    "limit=0",
    "limit=-1",
    "limit=99999999999999999999",
    "limit=1e3",
    "limit=%00",
    "after=%00",
    "after=bnVsbA",  # null
    "after=W10",  # []
    "after=WyJcdTAwMDAiXQ",  # ["\u0000"]
    "after=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTld",  # a number past 64 bits
    "after=WzFlOTk5XQ",  # [1e999]
    "after=%ff%fe",
    "after=" + "W" * 499,
)
IDS = (
    "0",
    "-1",
    "9223372036854775808",
    "9" * 400,
    "1.5",
    "%00",
    "%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "%F0%9F%92%B3",
    " ",
)
KEYS = ("", "short", "x" * 101, "半角", "a\tb" * 5, "' OR 1=1 --")

WRITING = [line for line in read_table() if line.method in ("POST", "PUT")]
WITH_ID = [line for line in read_table() if "{" in line.path]
KEYED = (
    "/imports",
    "/transfer-outs",
    "/transfer-outs/file",
    "/members",
    "/members/{member_id}/changes",
    "/todo",
    "/todo/removals",
    "/checks",
    "/batches",
    "/rule-changes",
    "/fee-splits",
    "/enrolments",
    "/enrolments/personal",
    "/district-review/basket",
    "/district-review/submissions",
    "/union-payments",
    "/premium-batches/write-offs",
    "/settlements",
    "/claims",
    "/unit-accounts",
    "/illness-changes",
    "/payout-batches",
)


@pytest.mark.parametrize("line", WRITING, ids=str)
def test_no_garbage_is_taken_for_a_body(city: City, line: Line) -> None:
    path = path_of(city, line)
    for name, (kind, body) in BODIES.items():
        if line.path not in _NO_BODY:
            _refused(city, line, path, name, {"Content-Type": kind, "Idempotency-Key": "garbage-0001"}, body)


@pytest.mark.parametrize("line", [line for line in WRITING if line.path in KEYED], ids=str)
def test_no_garbage_is_taken_for_an_idempotency_key(city: City, line: Line) -> None:
    for key in KEYS:
        headers = {"Content-Type": _JSON, "Idempotency-Key": key}
        _refused(city, line, path_of(city, line), repr(key), headers, b"{}")


def test_no_garbage_is_taken_for_a_page(city: City) -> None:
    paged = _paged(city)
    assert len(paged) > 10
    for line in paged:
        for query in QUERIES:
            _refused(city, line, f"{line.path}?{query}", query, {}, b"")


@pytest.mark.parametrize("line", WITH_ID, ids=str)
def test_no_garbage_is_taken_for_an_id(city: City, line: Line) -> None:
    head, _, rest = line.path.partition("{")
    for one in IDS:
        path = head + one + rest.partition("}")[2]
        _refused(city, line, path, one, {"Content-Type": _JSON, "Idempotency-Key": "garbage-0002"}, b"{}")


def _paged(city: City) -> list[Line]:
    """The lists without an id in their path, by what the services publish."""
    found = []
    for line in read_table():
        if line.method == "GET" and "{" not in line.path and not line.path.startswith(("/docs", "/redoc")):
            operation = city.client.get(f"{city.url(line.service)}/openapi.json").json()["paths"].get(line.path, {})
            if any(one["name"] == "after" for one in operation.get("get", {}).get("parameters", [])):
                found.append(line)
    return found


def _refused(city: City, line: Line, path: str, what: str, headers: Mapping[str, str], body: bytes) -> None:
    """A problem document in Chinese, for whoever is the first that the endpoint lets in."""
    caller = next((name for name, cell in line.expected.items() if cell == "yes"), "anonymous")
    authorization = {} if caller == "anonymous" else {"Authorization": f"Bearer {city.token(caller)}"}
    encoded = [(name.encode(), value.encode()) for name, value in {**headers, **authorization}.items()]
    answer = city.client.request(line.method, city.url(line.service) + path, headers=encoded, content=body)
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json", (what, answer.text)
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:unioncard:problem:")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in problem["title"]), problem
