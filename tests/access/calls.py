"""How each endpoint is called so that the answer tells who is let in, and so that no call spoils another.

Calls that would change something are sound in form but cannot take effect, or act on the spare record of the to-do
list: the owner is the last to call.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

import httpx

from tests.access import claims_calls, insurance_calls
from tests.access.call import NOBODY, UNSIGNED, Call, Endpoint, shown
from tests.access.table import Line
from tests.city import City, login_of
from unioncard.dates import SHANGHAI

#: Services whose calls have a page of their own.
_ROOMS = {"insurance": insurance_calls, "claims": claims_calls}


def _counted(city: City, answer: httpx.Response) -> bool:
    return any(answer.json().values())


def _listed(city: City, answer: httpx.Response) -> bool:
    return shown(city, answer) or any(answer.json()["tabs"].values()) or any(answer.json()["totals"].values())


def _removed(city: City, answer: httpx.Response) -> bool:
    return answer.is_success and answer.json()["removed"] > 0


def _named(_: City, answer: httpx.Response) -> bool:
    return any(row["reason"].endswith("是同一会员") for row in answer.json()["rows"])


def send(city: City, line: Line, caller: str) -> httpx.Response:
    """Call the endpoint of a line as this caller."""
    token = None if caller == "anonymous" else city.token(caller)
    return request(city, line, token, path_of(city, line))


def request(city: City, line: Line, token: str | None, path: str) -> httpx.Response:
    """The call of a line with any token, at any path."""
    call = call_of(city, line.endpoint)
    headers = {"Idempotency-Key": uuid.uuid4().hex, **call.headers}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return city.client.request(
        line.method,
        city.url(line.service) + path,
        json=call.body,
        data=call.form,
        files=call.files,
        params=call.query,
        headers=headers,
    )


def path_of(city: City, line: Line) -> str:
    """The path with the ids of the union's things."""
    if line.service in _ROOMS:
        return _filled(line.path, _ROOMS[line.service].ids_of(city, line.path))
    return _filled(
        line.path,
        {
            "organisation_id": city.union_id,
            "member_id": city.on_list if line.path.startswith("/todo") else city.member,
            "import_id": city.refused_import if line.path.endswith("errors.xlsx") else city.pending_import,
            "transfer_out_id": city.refused_transfer if line.path.endswith("errors.xlsx") else city.transfer,
            "notice_id": city.notice,
            "check_id": city.check,
            "number": city.batch,
        },
    )


def path_of_nothing(line: Line) -> str:
    """The path with well-formed ids of things that do not exist."""
    if line.service in _ROOMS:
        return _filled(line.path, _ROOMS[line.service].ids_of_nothing(line.path))
    ids = dict.fromkeys(("organisation_id", "member_id", "import_id", "transfer_out_id", "notice_id"), NOBODY)
    return _filled(line.path, {**ids, "check_id": "chk" + "0" * 16, "number": "cbc000200001010000"})


def _filled(path: str, ids: Mapping[str, object]) -> str:
    return re.sub(r"{(\w+)}", lambda found: str(ids[found[1]]), path)


def call_of(city: City, endpoint: Endpoint) -> Call:
    """The call of an endpoint. A GET needs no more than its path; whether it shows something, its path mostly says."""
    if endpoint in _CALLS:
        return _CALLS[endpoint](city)
    assert endpoint[1] == "GET", f"say in calls.py what is sent to {endpoint}"
    return Call(touched=shown if endpoint[2] in _SHOWING[endpoint[0]] else None)


def _today() -> str:
    return datetime.now(SHANGHAI).date().isoformat()


#: GETs whose answer names the union, its members, its batch or its check.
_SHOWING = {
    "member": {
        "/organisations",
        "/organisations/{organisation_id}",
        "/members",
        "/members/export.xlsx",
        "/members/{member_id}",
        "/imports",
        "/imports/{import_id}",
        "/imports/{import_id}/items",
        "/imports/{import_id}/errors.xlsx",
        "/approvals",
        "/transfer-outs",
        "/transfer-outs/{transfer_out_id}",
        "/transfer-outs/{transfer_out_id}/items",
        "/transfer-outs/{transfer_out_id}/result.xlsx",
        "/transfer-outs/{transfer_out_id}/errors.xlsx",
    },
    "card": {
        "/cards",
        "/cards/export.xlsx",
        "/cards/{member_id}",
        "/cards/{member_id}/log",
        "/cards/mine",
        "/checks/{check_id}",
        "/batches",
        "/batches/{number}",
        "/batches/{number}/members",
        "/batches/{number}/papers",
        "/notices",
    },
    "insurance": insurance_calls.SHOWING,
    "claims": claims_calls.SHOWING,
}

_SUBMISSION = {"channel": "special", "contact_name": "张经办", "contact_mobile": "13900000000"}
_NEW_MEMBER = {
    "name": "李新人",
    "document_type": "居民身份证",
    "document_number": "310101198001010000",  # a wrong check character
    "sex": "男",
    "birth_date": "1980-01-01",
    "address": "上海市示例路1号",
    "mobile": "13900000001",
    "education": "本科",
    "household": "非农业",
    "grade": "无",
    "post": "工会会员",
}
_ANSWER = {
    "answer_id": "a1",
    "batch_number": "cbc000200001010000",
    "answered_at": "2024-04-30T10:00:00Z",
    "results": [],
}

_CALLS: dict[Endpoint, Callable[[City], Call]] = {
    ("member", "POST", "/tokens"): lambda city: Call({"login": login_of("federation"), "password": city.password}),
    # refused as too weak before the old one is looked at
    ("member", "POST", "/password"): lambda _: Call({"old_password": "wrong", "new_password": "weak"}),
    ("member", "GET", "/members/counts"): lambda _: Call(touched=_counted),
    ("member", "POST", "/members/{member_id}/reveal"): lambda _: Call({"purpose": "核对领卡材料"}, touched=shown),
    ("member", "POST", "/members"): lambda _: Call(_NEW_MEMBER),
    ("member", "POST", "/members/{member_id}/changes"): lambda _: Call({"mobile": "12"}),
    ("member", "POST", "/imports"): lambda _: Call(files={"file": ("名册.xlsx", b"this is no workbook")}),
    # a second time, which is refused by name to its own union alone
    ("member", "POST", "/transfer-outs"): lambda city: Call(
        {"member_ids": [city.member, city.member], "reason": "left"}, touched=_named
    ),
    ("member", "POST", "/transfer-outs/file"): lambda _: Call(files={"file": ("转出.xlsx", b"this is no workbook")}),
    # a line that is not in the file
    ("member", "POST", "/imports/{import_id}/approval"): lambda _: Call({"decision": "approve", "items": [9999]}),
    ("card", "GET", "/todo"): lambda _: Call(touched=_listed),
    ("card", "POST", "/todo"): lambda city: Call({"member_ids": [city.on_list]}, touched=shown),
    ("card", "POST", "/todo/removals"): lambda city: Call({"member_ids": [city.spare]}, touched=_removed),
    ("card", "POST", "/todo/{member_id}/channel"): lambda _: Call({"channel": "normal"}),
    ("card", "PUT", "/todo/{member_id}/document"): lambda _: Call(
        {"document_expiry": "2041-06-30", "nationality": "中国"}
    ),
    ("card", "POST", "/checks"): lambda _: Call({"channel": "special"}),
    ("card", "POST", "/batches"): lambda _: Call(_SUBMISSION),
    ("card", "POST", "/batches/{number}/call"): lambda _: Call({"called_on": _today()}),
    ("card", "POST", "/batches/{number}/pickups"): lambda _: Call({"collected": [NOBODY], "on": _today()}),
    ("card", "POST", "/batches/{number}/closure"): lambda _: Call({"reason": "全部已领取"}),
    ("card", "POST", "/notices/{notice_id}/read"): lambda _: Call(),
    ("card", "POST", "/partners/bank/answers"): lambda _: Call(_ANSWER, headers=UNSIGNED),
    ("card", "POST", "/cards/validity"): lambda _: Call({"number": "3630000001"}),
    ("card", "POST", "/partners/bank/card-lives"): lambda _: Call({"notice_id": "n1", "lives": []}, headers=UNSIGNED),
    **insurance_calls.CALLS,
    **claims_calls.CALLS,
}
