"""How the endpoints of insurance-svc are called, in the manner of :mod:`tests.access.calls`."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from tests.access.call import NOBODY, Call, Endpoint, of_district, shown
from tests.city import City
from tests.season import MOVEMENT, SCHEME, VOUCHER, today
from unioncard_cli.season.voucher import png

#: GETs whose answer names the union, its members or its batch.
SHOWING = {
    "/enrolments",
    "/enrolments/export.xlsx",
    "/enrolments/{enrolment_id}",
    "/policies",
    "/policies/export.xlsx",
    "/policies/legacy",
    "/policies/{policy_id}",
    "/enrolments/{enrolment_id}/members",
    "/enrolments/{enrolment_id}/members.xlsx",
    "/union-payments",
    "/premium-batches",
    "/premium-batches/export.xlsx",
    "/premium-batches/{number}",
    "/premium-batches/{number}/details.xlsx",
}

_NO_BATCH = "CB200001010001"

_IDS_OF_NOTHING: Mapping[str, object] = {
    "coverage_year": 2999,
    "scheme": SCHEME,
    "change_id": NOBODY,
    "enrolment_id": NOBODY,
    "policy_id": NOBODY,
    "settlement_id": NOBODY,
    "number": _NO_BATCH,
    "voucher_id": NOBODY,
    "reference": "NOTHING-1",
    "notice_id": NOBODY,
}


def ids_of(city: City, _: str) -> Mapping[str, object]:
    """What stands in a path for each of the union's things."""
    season = city.season
    return {
        "coverage_year": season.year,
        "scheme": SCHEME,
        "change_id": season.change,
        "enrolment_id": season.in_batch,
        "policy_id": season.policy,
        "settlement_id": season.settlement,
        "number": season.batch,
        "voucher_id": season.voucher,
        "reference": MOVEMENT,
        "notice_id": season.notice,
    }


def ids_of_nothing(_: str) -> Mapping[str, object]:
    """Well-formed ids of things that do not exist."""
    return _IDS_OF_NOTHING


def _counted(_: City, answer: httpx.Response) -> bool:
    return any(answer.json()[part]["heads"] for part in ("waiting", "basket", "left_out"))


def _told(city: City, answer: httpx.Response) -> bool:
    return any(one["id"] == city.season.notice for one in answer.json()["items"])


def _booked(_: City, answer: httpx.Response) -> bool:
    """Whether there is anything in the books of this year."""
    page = answer.json()
    return bool(page.get("accounts") or page.get("items"))


def _known(_: City, answer: httpx.Response) -> bool:
    """Whether the refusal knows the list that it is about."""
    return all(row["reason"] == "金额不能为零" for row in answer.json()["rows"])


def _campaign(city: City) -> dict[str, Any]:
    return {"scheme": SCHEME, "coverage_year": city.season.year}


def _waiting(city: City) -> dict[str, Any]:
    return _campaign(city) | {"enrolment_ids": [city.season.waiting]}


def _of(city: City) -> dict[str, Any]:
    return {"district_id": city.season.district, "coverage_year": city.season.year}


def _choice(city: City) -> dict[str, Any]:
    """A member who is covered already, so that nothing comes of it."""
    chosen = {"way": "centralized", "class_code": "A", "member_ids": [city.member]}
    return {"coverage_year": city.season.year} | chosen


def _split(city: City) -> Call:
    """Shares that do not add up to the fee."""
    share = {"class_code": "A", "term": "full", "district_fen": 1, "union_fen": 1}
    return Call(_campaign(city) | {"splits": [share]})


_OPERATOR = {"operator_name": "张经办", "operator_phone": "13900000000", "operator_email": "someone@example.org"}

CALLS: dict[Endpoint, Callable[[City], Call]] = {
    # of a campaign that nobody has planned
    ("insurance", "POST", "/rule-changes"): lambda _: Call(
        {
            "change": {
                "kind": "participation",
                "coverage_year": 2999,
                "scheme": SCHEME,
                "participation_percent": 80,
            },
            "reason": "提高参保率",
        }
    ),
    ("insurance", "POST", "/rule-changes/{change_id}/decision"): lambda _: Call(
        {"approve": False, "reason": "无需延长"}
    ),
    ("insurance", "POST", "/fee-splits"): _split,
    ("insurance", "GET", "/fee-splits"): lambda _: Call(touched=of_district),
    ("insurance", "GET", "/enrolments/eligible"): lambda city: Call(
        query={"way": "centralized", "coverage_year": city.season.year}, touched=shown
    ),
    ("insurance", "POST", "/enrolments/preview"): lambda city: Call(_choice(city), touched=shown),
    ("insurance", "POST", "/enrolments"): lambda city: Call(_choice(city), touched=shown),
    # no longer the union's to withdraw
    ("insurance", "POST", "/enrolments/{enrolment_id}/withdrawal"): lambda _: Call(),
    ("insurance", "GET", "/enrolments/notice"): lambda city: Call(query=_campaign(city), touched=shown),
    ("insurance", "GET", "/enrolments/notice.pdf"): lambda city: Call(
        query=_campaign(city), touched=lambda _, answer: answer.content.startswith(b"%PDF")
    ),
    # employed, so the union enrols this member
    ("insurance", "POST", "/enrolments/personal"): lambda _: Call({"coverage_year": today().year, "class_code": "A"}),
    ("insurance", "GET", "/cover"): lambda city: Call(query={"member_id": city.member}),
    ("insurance", "GET", "/district-review/lists"): lambda city: Call(query=_campaign(city), touched=shown),
    ("insurance", "GET", "/district-review/totals"): lambda city: Call(query=_campaign(city), touched=_counted),
    ("insurance", "POST", "/district-review/basket"): lambda city: Call(_waiting(city)),
    ("insurance", "POST", "/district-review/basket/removals"): lambda city: Call(_waiting(city)),
    # with a list that there is not, so that none goes back
    ("insurance", "POST", "/district-review/returns"): lambda city: Call(
        _campaign(city) | {"enrolment_ids": [city.season.waiting, NOBODY], "reason": "名单有误"}
    ),
    # of a year in which the basket is empty
    ("insurance", "POST", "/district-review/submissions"): lambda _: Call(
        {"scheme": "instant", "coverage_year": 2000, **_OPERATOR}
    ),
    ("insurance", "POST", "/union-payments"): lambda city: Call(
        {"payments": [{"enrolment_id": city.season.waiting, "amount_fen": 0}], "paid_on": today().isoformat()},
        touched=_known,
    ),
    # passed already
    ("insurance", "POST", "/premium-batches/{number}/passing"): lambda _: Call({}),
    ("insurance", "POST", "/premium-batches/{number}/return"): lambda _: Call({"reason": "名单有误"}),
    # the same once more
    ("insurance", "POST", "/premium-batches/{number}/vouchers"): lambda _: Call(
        files={"file": ("缴费凭证.png", png(VOUCHER))}
    ),
    ("insurance", "POST", "/premium-batches/write-offs"): lambda _: Call({"numbers": [_NO_BATCH]}),
    ("insurance", "POST", "/statements"): lambda _: Call(
        form={"last_day": "2019-12-31"}, files={"file": ("对账单.csv", b"this is no statement")}
    ),
    ("insurance", "POST", "/statement-lines/{reference}/settlement"): lambda _: Call(
        {"settlement": "refunded", "note": "无法对应，退回付款人"}
    ),
    ("insurance", "GET", "/ledger/balance"): lambda city: Call(
        query={"coverage_year": city.season.year}, touched=_booked
    ),
    ("insurance", "GET", "/ledger/entries"): lambda city: Call(
        query={"coverage_year": city.season.year}, touched=_booked
    ),
    # more than there is to come
    ("insurance", "POST", "/subsidy-payments"): lambda city: Call(
        _of(city) | {"reference": "SZ-1", "amount_fen": 10**12}
    ),
    ("insurance", "GET", "/settlements"): lambda _: Call(touched=of_district),
    ("insurance", "GET", "/settlements/overview"): lambda city: Call(
        query={"coverage_year": city.season.year}, touched=of_district
    ),
    # of a year that is not over
    ("insurance", "POST", "/settlements"): lambda city: Call(_of(city) | {"amount_fen": 100, "reason": "年度清算"}),
    ("insurance", "POST", "/settlements/{settlement_id}/decision"): lambda _: Call({"approved": False}),
    ("insurance", "GET", "/losses"): lambda city: Call(query={"coverage_year": city.season.year}),
    ("insurance", "GET", "/premium-statistics"): lambda _: Call(touched=of_district),
    ("insurance", "GET", "/premium-statistics/export.xlsx"): lambda _: Call(touched=of_district),
    ("insurance", "GET", "/notices"): lambda _: Call(touched=_told),
    ("insurance", "POST", "/notices/{notice_id}/read"): lambda _: Call(),
}
