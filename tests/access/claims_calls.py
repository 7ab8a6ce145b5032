"""How the endpoints of claims-svc are called, in the manner of :mod:`tests.access.calls`."""

from collections.abc import Callable, Mapping

import httpx

from tests.access.call import NOBODY, UNSIGNED, Call, Endpoint, of_district
from tests.city import City
from tests.claims import ACCOUNT, BOOK_YEAR, SHOT, catalogue, illness

#: GETs whose answer names the union, its members or its claims.
SHOWING = {
    "/claims",
    "/claims/export.xlsx",
    "/claims/mine",
    "/claims/{number}",
    "/claims/{number}/needs",
    "/claims/{number}/papers",
    "/claims/{number}/review",
    "/review-queue",
    "/payout-batches/{number}/export.xlsx",
    "/payouts",
    "/payout-returns",
}

_NO_CLAIM = "GF36320000101000001"
_NO_BATCH = "FK200001010001"


def ids_of(city: City, path: str) -> Mapping[str, object]:
    """What stands in a path for each of the union's things."""
    claims = city.claims
    return {
        "number": claims.batch if path.startswith("/payout-batches") else claims.returned,
        "paper_id": claims.paper,
        "form": "application_form",
        "change_id": claims.change,
        "account_id": claims.account,
        "notice_id": claims.notice,
    }


def ids_of_nothing(path: str) -> Mapping[str, object]:
    """Well-formed ids of things that do not exist."""
    number = _NO_BATCH if path.startswith("/payout-batches") else _NO_CLAIM
    ids = dict.fromkeys(("paper_id", "change_id", "account_id", "notice_id"), NOBODY)
    return {**ids, "number": number, "form": "application_form"}


def _told(city: City, answer: httpx.Response) -> bool:
    return any(one["id"] == city.claims.notice for one in answer.json()["items"])


def _booked(_: City, answer: httpx.Response) -> bool:
    """Whether there is anything in the books of that year."""
    page = answer.json()
    return bool(page.get("accounts") or page.get("items"))


def _unborn(city: City) -> Call:
    """An illness of tomorrow, so that nothing comes of it."""
    return Call({"member_id": city.member} | illness("gout", after=1))


CALLS: dict[Endpoint, Callable[[City], Call]] = {
    ("claims", "POST", "/claims"): _unborn,
    ("claims", "POST", "/claims/mine"): lambda _: Call(illness("gout", after=1)),
    # The claim has been decided, so that none of these changes it.
    ("claims", "POST", "/claims/{number}/payee"): lambda _: Call({"payee": "own_card"}),
    ("claims", "POST", "/claims/{number}/withdrawal"): lambda _: Call({"reason": "重复申请"}),
    ("claims", "POST", "/claims/{number}/papers"): lambda _: Call(
        form={"kind": "identity"}, files={"file": ("证件.png", SHOT)}
    ),
    ("claims", "POST", "/claims/{number}/stamps"): lambda _: Call({"paper": "application_form"}),
    ("claims", "POST", "/claims/{number}/decision"): lambda _: Call({"approve": True}),
    ("claims", "POST", "/claims/{number}/confirmation"): lambda _: Call({"confirmed": True}),
    ("claims", "POST", "/claims/{number}/medical-questions"): lambda _: Call({"question": "请核对病史"}),
    ("claims", "POST", "/claims/{number}/medical-answers"): lambda _: Call({"answer": "病史相符"}),
    ("claims", "POST", "/claims/{number}/appeals"): lambda _: Call({"reason": "补充了病史资料"}),
    # a living member has no heirs
    ("claims", "POST", "/claims/{number}/payout-correction"): lambda _: Call({"payee": "heir", "note": "改划继承人"}),
    ("claims", "POST", "/illness-changes"): lambda _: Call(catalogue("another_illness")),
    ("claims", "POST", "/illness-changes/{change_id}/decision"): lambda _: Call(
        {"approve": False, "reason": "无需变更"}
    ),
    ("claims", "GET", "/unit-accounts"): lambda _: Call(touched=of_district),
    # of the union's district the one that is there already
    ("claims", "POST", "/unit-accounts"): lambda _: Call(ACCOUNT),
    ("claims", "POST", "/unit-accounts/{account_id}/decision"): lambda _: Call({"approved": False}),
    ("claims", "POST", "/unit-accounts/{account_id}/closure"): lambda _: Call({"reason": "账户已变更"}),
    ("claims", "POST", "/payout-batches"): lambda _: Call({}),
    # done already
    ("claims", "POST", "/payout-batches/{number}/resubmission"): lambda _: Call({}),
    ("claims", "POST", "/partners/bank/payout-answers"): lambda _: Call(
        {
            "answer_id": "a1",
            "batch_number": _NO_BATCH,
            "answered_at": "2024-04-30T10:00:00Z",
            "results": [],
        },
        headers=UNSIGNED,
    ),
    ("claims", "GET", "/ledger/balance"): lambda _: Call(query={"coverage_year": BOOK_YEAR}, touched=_booked),
    ("claims", "GET", "/ledger/entries"): lambda _: Call(query={"coverage_year": BOOK_YEAR}, touched=_booked),
    ("claims", "GET", "/claim-statistics"): lambda _: Call(touched=of_district),
    ("claims", "GET", "/claim-statistics/export.xlsx"): lambda _: Call(touched=of_district),
    ("claims", "GET", "/notices"): lambda _: Call(touched=_told),
    ("claims", "POST", "/notices/{notice_id}/read"): lambda _: Call(),
}
