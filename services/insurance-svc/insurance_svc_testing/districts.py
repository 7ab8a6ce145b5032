"""What a district and the centre do, in few words, for tests."""

from typing import Any

from insurance_svc_testing import Trial
from unioncard.principal import Role

OPERATOR = {"operator_name": "张三", "operator_phone": "021-12345678", "operator_email": "someone@example.org"}


def season(scheme: str = "centralized", year: int = 2020, **more: Any) -> dict[str, Any]:
    """A request's campaign."""
    return {"scheme": scheme, "coverage_year": year} | more


async def basket(trial: Trial, scheme: str = "centralized", **more: Any) -> int:
    """Put all lists of a campaign into the basket; how many."""
    body = season(scheme, all=True)
    return int((await trial.ok("POST", "/district-review/basket", body, role=Role.DISTRICT, **more))["moved"])


async def submit(trial: Trial, scheme: str = "centralized", **more: Any) -> dict[str, Any]:
    """Submit the basket to the centre; the batch."""
    body = season(scheme) | OPERATOR
    answer: dict[str, Any] = await trial.ok("POST", "/district-review/submissions", body, role=Role.DISTRICT, **more)
    return answer


# These tests run without workflows, so nobody asks the population office about a batch.
PASSING = {"unchecked_reason": "测试中不核查"}


async def passed(trial: Trial, number: str) -> dict[str, Any]:
    """The centre passes a batch."""
    path = f"/premium-batches/{number}/passing"
    answer: dict[str, Any] = await trial.ok("POST", path, PASSING, role=Role.CENTRE_REVIEWER)
    return answer


async def ledger(trial: Trial, district_id: int = 12) -> dict[str, int]:
    """What lies in a district's accounts, those with nothing left out."""
    rows = await trial.column(
        """SELECT account || ' ' || sum(amount_fen) FROM ledger WHERE district_id = :district
           GROUP BY account HAVING sum(amount_fen) <> 0""",
        district=district_id,
    )
    return {account: int(amount) for account, amount in (row.split() for row in rows)}


HEADER = "流水号,起息日,金额,付款人,附言\n"


async def load(
    trial: Trial, last_day: str, *rows: tuple[str, str, str, str], first_day: str | None = None
) -> dict[str, int]:
    """Load the statement of these days: (reference, day, yuan, remark) each; the rows that came out other than none."""
    text = HEADER + "".join(f"{ref},{day},{yuan},示例区总工会,{remark}\n" for ref, day, yuan, remark in rows)
    data = {"last_day": last_day} | ({"first_day": first_day} if first_day else {})
    files = {"file": ("statement.csv", text.encode("gb18030"), "text/csv")}
    loaded = await trial.ok("POST", "/statements", role=Role.CENTRE_PAYER, data=data, files=files)
    return {outcome: count for outcome, count in loaded["outcomes"].items() if count}
