"""Population office and social-security office, and what operations sees, on a running sandbox."""

from typing import Any

import httpx
import pytest

from partner_sandbox.trial import Trial

RETIRED, DECEASED, JOBLESS, WORKING = (f"31010119600101001{i}" for i in range(4))


def question(query_id: str, *numbers: str) -> dict[str, Any]:
    return {
        "query_id": query_id,
        "people": [{"ref": i, "name": "李建国", "document_number": number} for i, number in enumerate(numbers)],
    }


def ask(sandbox: Trial, office: str, body: dict[str, Any]) -> httpx.Response:
    return sandbox.client.post(f"/{office}/queries", json=body)


def test_statuses_are_as_registered_and_ordinary_otherwise(sandbox: Trial) -> None:
    registered = sandbox.client.post(
        "/control/people",
        json={
            "population": {"retired": [RETIRED], "deceased": [DECEASED]},
            "social_security": {"unemployment_benefit": [JOBLESS], "retired": [RETIRED]},
        },
    )
    assert registered.json() == {"population": 2, "social_security": 2}
    everyone = question("check-1/0", RETIRED, DECEASED, JOBLESS, WORKING)
    population = ask(sandbox, "population", everyone).json()
    assert population["query_id"] == "check-1/0"
    assert [one["status"] for one in population["results"]] == ["retired", "deceased", "in_service", "in_service"]
    assert [one["ref"] for one in population["results"]] == [0, 1, 2, 3]
    security = ask(sandbox, "social-security", everyone).json()
    assert [one["status"] for one in security["results"]] == ["retired", "none", "unemployment_benefit", "none"]

    sandbox.client.post("/control/people", json={"population": {"in_service": [RETIRED]}})
    assert ask(sandbox, "population", question("check-2/0", RETIRED)).json()["results"][0]["status"] == "in_service"


def test_queries_are_remembered(sandbox: Trial) -> None:
    ask(sandbox, "population", question("check-1/0", RETIRED, WORKING))
    ask(sandbox, "population", question("check-1/0", RETIRED, WORKING))
    ask(sandbox, "population", question("check-1/0", JOBLESS))
    ask(sandbox, "social-security", question("check-1/0", WORKING))
    counts = sandbox.summary()
    assert counts["population"] == {
        "queries_received": 1,
        "repeats": 1,
        "conflicting_repeats": 1,
        "people_received": 2,
    }
    assert counts["social_security"]["queries_received"] == 1
    (listed,) = sandbox.client.get("/memory/queries", params={"partner": "population"}).json()["queries"]
    assert (listed["query_id"], listed["times_received"], listed["people"]) == ("check-1/0", 2, 2)


SOMEONE = {"name": "王芳", "document_number": WORKING}


@pytest.mark.parametrize("people", [[], [{"ref": 1}], [SOMEONE | {"ref": i} for i in range(1001)]])
def test_malformed_queries(sandbox: Trial, people: list[dict[str, Any]]) -> None:
    assert ask(sandbox, "population", {"query_id": "check-1/0", "people": people}).status_code == 400
    assert sandbox.summary()["population"]["queries_received"] == 0


def test_offices_misbehave_apart_from_each_other(sandbox: Trial) -> None:
    sandbox.client.put("/control/behaviour", json={"population": {"error_rate": 1}})
    assert ask(sandbox, "population", question("check-1/0", WORKING)).status_code == 500
    assert ask(sandbox, "social-security", question("check-1/0", WORKING)).status_code == 200


def test_unknown_people_lists_are_refused(sandbox: Trial) -> None:
    assert sandbox.client.post("/control/people", json={"population": {"on_leave": ["1"]}}).status_code == 400


def test_memory_pages(sandbox: Trial) -> None:
    for i in range(5):
        ask(sandbox, "population", question(f"check-{i}/0", WORKING))
    first = sandbox.client.get("/memory/queries", params={"limit": 3}).json()
    rest = sandbox.client.get("/memory/queries", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [one["query_id"] for one in first["queries"] + rest["queries"]] == [f"check-{i}/0" for i in range(5)]
    assert rest["next_cursor"] is None
    assert sandbox.client.get("/memory/batches/cbc000").status_code == 404
    assert sandbox.client.get("/memory/queries", params={"cursor": "x"}).status_code == 400


def test_operations(sandbox: Trial) -> None:
    ask(sandbox, "population", question("check-1/0", WORKING))
    assert sandbox.client.get("/healthz").json() == {"status": "ok"}
    exposed = sandbox.client.get("/metrics").text
    assert 'sandbox_requests_total{fault="",outcome="ok",partner="population"}' in exposed
    assert "sandbox_callbacks_pending 0.0" in exposed
    assert "process_resident_memory_bytes" in exposed
    assert sandbox.client.get("/nowhere").status_code == 404
    document = sandbox.client.get("/openapi.json").json()
    assert {"Batch", "Member", "Question", "Person", "Answer"} <= set(document["components"]["schemas"])
