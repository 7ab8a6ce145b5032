"""Every endpoint as every caller, compared with a table written by hand."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from card_svc.main import create_app
from card_svc.settings import CardSettings
from claims_svc.main import create_app as claims_app
from claims_svc.settings import ClaimsSettings
from insurance_svc.main import create_app as insurance_app
from insurance_svc.settings import InsuranceSettings
from member_svc.main import application
from tests.access.call import Endpoint
from tests.access.calls import call_of, path_of_nothing, request, send
from tests.access.table import Line, read_table
from tests.city import CALLERS, City
from unioncard.service import open_context
from unioncard.settings import Settings

LINES = read_table()
SERVICES = ("member", "card", "insurance", "claims")
#: Answers that say: you were let in, whether or not the request made sense.
LET_IN = (409, 422)


def test_the_table_names_every_endpoint_and_no_other(city: City) -> None:
    there = _endpoints("member", application(open_context("member-svc", Settings(**_settings(city, "member-svc")))))
    settings = CardSettings(**_settings(city, "card-svc"))
    there |= _endpoints("card", create_app(open_context("card-svc", settings), settings))
    insured = InsuranceSettings(**_settings(city, "insurance-svc"))
    there |= _endpoints("insurance", insurance_app(open_context("insurance-svc", insured), insured))
    claimed = ClaimsSettings(**_settings(city, "claims-svc"))
    there |= _endpoints("claims", claims_app(open_context("claims-svc", claimed), claimed))
    in_table = [line.endpoint for line in LINES]
    assert sorted(there - set(in_table)) == [], "endpoints without a line in table.csv"
    assert sorted(set(in_table) - there) == [], "lines of table.csv without an endpoint"
    assert len(in_table) == len(set(in_table))


@pytest.mark.parametrize("service", SERVICES)
def test_the_running_service_publishes_no_other_endpoint(city: City, service: str) -> None:
    paths = city.client.get(f"{city.url(service)}/openapi.json").json()["paths"]
    published = {(service, method.upper(), path) for path, operations in paths.items() for method in operations}
    assert published <= {line.endpoint for line in LINES}


def test_the_table_names_every_caller() -> None:
    assert {"anonymous", *CALLERS} - {"trial", "trial_district"} == set(LINES[0].expected)


@pytest.mark.parametrize("line", LINES, ids=str)
def test_each_caller_gets_what_the_table_says(city: City, line: Line) -> None:
    # in this order, for the owner's call may take effect
    callers = ["anonymous", *(name for name in CALLERS if name in line.expected)]
    answers = {caller: send(city, line, caller) for caller in callers}
    assert {caller: _class(city, line, answer) for caller, answer in answers.items()} == {
        caller: line.expected[caller] for caller in callers
    }, {caller: (answer.status_code, answer.text[:300]) for caller, answer in answers.items()}


@pytest.mark.parametrize("line", [line for line in LINES if "404" in line.expected.values()], ids=str)
def test_what_is_beside_cannot_be_told_from_what_does_not_exist(city: City, line: Line) -> None:
    caller = next(name for name, cell in line.expected.items() if cell == "404")
    there, nowhere = send(city, line, caller), request(city, line, city.token(caller), path_of_nothing(line))
    assert there.status_code == nowhere.status_code == 404
    assert _without_path(there) == _without_path(nowhere)


def test_who_asked_cannot_approve_whatever_the_account_has_become(city: City) -> None:
    login, rest = "moved@unioncard.example", f",{city.password},"
    city.load_accounts(f"{login}{rest}union,U2,")
    headers = {"Authorization": f"Bearer {city.log_in(login)}", "Idempotency-Key": "four-eyes-1"}
    body = _a_new_member()
    asked = city.client.post(f"{city.url('member')}/members", json=body, headers=headers)
    assert asked.status_code == 201, asked.text
    city.load_accounts(f"{login}{rest}second_level,S1,")
    path, decision = f"/imports/{asked.json()['id']}/approval", {"decision": "approve"}
    url, headers = city.url("member") + path, {"Authorization": f"Bearer {city.log_in(login)}"}
    refused = city.client.post(url, json=decision, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:unioncard:problem:four-eyes")
    # Another of the same office may: refuse it, so that nothing is left behind.
    other = city.operator("second_level").post("member", path, {"decision": "refuse"})
    assert (other["refused_rows"], other["approved_rows"]) == (1, 0)


def _a_new_member() -> dict[str, str]:
    return {
        "name": "周新人",
        "document_type": "居民身份证",
        "document_number": "11010519491231002X",  # the example of GB 11643
        "sex": "女",
        "birth_date": "1949-12-31",
        "address": "上海市示例路1号",
        "mobile": "13900000002",
        "education": "本科",
        "household": "非农业",
        "grade": "无",
        "post": "工会会员",
        "document_expiry": "长期",
        "nationality": "中国",
    }


def _class(city: City, line: Line, answer: httpx.Response) -> str:
    if answer.status_code in (401, 403, 404):
        return str(answer.status_code)
    assert answer.is_success or answer.status_code in LET_IN, (answer.status_code, answer.text)
    # A request that is not sound says nothing about who may make it.
    assert "urn:unioncard:problem:invalid-request" not in answer.text, answer.text
    touched = call_of(city, line.endpoint).touched
    if answer.status_code in (200, 201) and answer.headers["content-type"] == "application/json":
        _total_tells_no_more_than_the_items(answer)
    return "yes" if touched is None or touched(city, answer) else "none"


def _total_tells_no_more_than_the_items(answer: httpx.Response) -> None:
    page = answer.json()
    if isinstance(page, dict) and "items" in page and page.get("total") is not None and page["next"] is None:
        assert page["total"] == len(page["items"])


def _without_path(answer: httpx.Response) -> dict[str, object]:
    """The problem without ``instance``, the path that was asked for."""
    return {name: value for name, value in answer.json().items() if name != "instance"}


def _settings(city: City, process: str) -> dict[str, Any]:
    given = city.stack.place.process_environment(process)
    prefix = "UNIONCARD_"
    return {name.removeprefix(prefix).lower(): value for name, value in given.items() if name.startswith(prefix)}


def _endpoints(service: str, app: FastAPI) -> set[Endpoint]:
    """Hidden ones too, which the OpenAPI document does not name."""
    found = list(iter_route_contexts(app.routes))
    # A mount or a socket would be something this test cannot see into.
    assert all(one.path and one.methods for one in found), found
    return {(service, method, str(one.path)) for one in found for method in (one.methods or set()) - {"HEAD"}}
