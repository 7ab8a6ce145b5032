"""schemathesis over every OpenAPI document: no input makes a server error, and answers are as declared.

Checks that are on: no 5xx; status codes, content types, headers and bodies as declared. Off, and why:

- negative data must be refused, positive data accepted: what a schema cannot say (a check digit, a state, a scope)
  decides here, and query parameters nobody knows are passed over as HTTP has it;
- credentials are asked for: ``tests/access`` does that for every endpoint and every caller;
- stateful walks: the services' own tests walk with purpose.

The seed is fixed and examples are capped: a run says the same as the last one.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from partner_sandbox.trial import Trial
from tests.access.table import Line, read_table
from tests.city import City
from unioncard_cli.operators import until
from unioncard_cli.roster import Trait, make_roster
from unioncard_cli.story import CardStory

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
# Accounts of their own, since a fuzzed password locks its login; beside the union whose things others look at.
# Each stands for a caller of the access table.
ACCOUNTS = {
    "union": ("union", "U9"),
    "second_level": ("district", "D701"),
    "federation": ("federation", "SH"),
    "district": ("district", "D701"),
    "centre_reviewer": ("centre_reviewer", "SH"),
    "centre_payer": ("centre_payer", "SH"),
    "member": ("member", "U9"),
}
SERVICES = ("member", "card", "insurance", "claims")


def _first_in(line: Line) -> str | None:
    """Who fuzzes an endpoint: the first of them who is let in, for refused at the door no input gets anywhere."""
    return next((name for name in ACCOUNTS if line.expected[name] == "yes"), None)


def _open_to() -> dict[tuple[str, str], set[tuple[str, str]]]:
    """The endpoints that each of them fuzzes, by service."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for line in read_table():
        if caller := _first_in(line):
            found.setdefault((line.service, caller), set()).add(line.endpoint[1:])
    return found


OPEN_TO = _open_to()


@pytest.fixture(scope="module")
def tokens(city: City) -> dict[str, str]:
    """The token of each fuzzing account; their union has members on its to-do list, the member is one of them."""
    story = CardStory(city.operator("trial"), city.operator("trial_district"), city.stack.place.url("sandbox"))
    story.approve(story.upload(make_roster(8, [Trait.ORDINARY] * 4 + [Trait.FOREIGN] * 2)))
    story.wait_for_members(6)
    story.add_all()
    until("the to-do list", lambda: story.union.get("card", "/todo")["tabs"]["special"], bool, 30)
    numbers = {"member": next(story.union.pages("member", "/members"))["number"]}
    lines = ((_login(name), city.password, *account, numbers.get(name, "")) for name, account in ACCOUNTS.items())
    city.load_accounts(*(",".join(line) for line in lines))
    return {name: city.log_in(_login(name)) for name in ACCOUNTS}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("service", "caller"), list(OPEN_TO))
def test_no_input_breaks_a_service(city: City, tokens: dict[str, str], service: str, caller: str) -> None:
    seen = _fuzz(city.url(service), {"Authorization": f"Bearer {tokens[caller]}"}, OPEN_TO[service, caller])
    assert seen.total() > seen[401] + seen[403] + seen[404]


@pytest.mark.parametrize("service", SERVICES)
def test_no_input_of_a_stranger_breaks_a_service(city: City, service: str) -> None:
    everything = {line.endpoint[1:] for line in read_table() if line.service == service}
    seen = _fuzz(city.url(service), {}, everything, examples=2, boundaries=False)
    assert seen[401] > 0


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A sandbox of its own: what fuzzing makes of its behaviour is nobody else's business."""
    trial = Trial(tmp_path_factory.mktemp("fuzzed-sandbox"), "http://127.0.0.1:9")  # nobody to call back
    trial.start()
    yield trial
    trial.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", [r"^/(?!control)", r"^/control"], ids=["partners", "control"])
def test_no_input_breaks_the_sandbox(sandbox: Trial, path: str) -> None:
    """The partners while they behave, and only then what makes them misbehave."""
    _fuzz(str(sandbox.client.base_url).rstrip("/"), {}, path_regex=path)


def _login(caller: str) -> str:
    return f"fuzz-{caller.replace('_', '-')}@unioncard.example"


def _fuzz(
    url: str,
    headers: dict[str, str],
    only: set[tuple[str, str]] | None = None,
    *,
    path_regex: str | None = None,
    examples: int = 12,
    boundaries: bool = True,
) -> Counter[int]:
    """Fuzz these operations; how often each status was answered. Fails with the first case of each kind of failure."""
    config = SchemathesisConfig.from_dict(_config(url, headers, examples, boundaries))
    document = httpx.get(f"{url}/openapi.json").raise_for_status().json()
    schema: schemathesis.BaseSchema = schemathesis.openapi.from_dict(document, config=config)
    if only is not None:
        schema = schema.include(lambda found: (found.operation.method.upper(), found.operation.path) in only)
    if path_regex is not None:
        schema = schema.include(path_regex=path_regex)
    statuses: Counter[int] = Counter()
    failures: dict[tuple[str, str], str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            failures[event.label, "error"] = repr(event.value)
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            statuses.update(one.response.status_code for one in event.recorder.interactions.values() if one.response)
            failures |= _failures(event.recorder)
    assert not failures, "\n\n".join(f"{where}: {what}" for where, what in failures.items())
    return statuses


def _failures(recorder: ScenarioRecorder) -> dict[tuple[str, str], str]:
    found = {}
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info is not None:
                request = recorder.interactions[case].request
                told = f"{check.failure_info.failure.message}\n{request.method} {request.uri}\n{request.body!r}"
                found[recorder.label, check.name] = told[:3000]
    return found


def _config(url: str, headers: dict[str, str], examples: int, boundaries: bool) -> dict[str, Any]:
    return {
        "seed": 20200101,
        "base-url": url,
        "headers": headers,
        "request-timeout": 60,
        "cache": {"enabled": False},
        "generation": {
            "max-examples": examples,
            "deterministic": True,
            "no-shrink": True,
            "with-security-parameters": False,
        },
        "phases": {"coverage": {"enabled": boundaries}, "stateful": {"enabled": False}},
        "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
    }
