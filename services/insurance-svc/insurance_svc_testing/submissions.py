"""What a union does, in few words, and the fee splits it needs, for tests."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from insurance_svc.splits.tables import FEE_SPLITS
from insurance_svc_testing import START, Trial
from unioncard_testing.trial import DISTRICT


async def split(
    trial: Trial,
    district_fen: int,
    union_fen: int,
    *,
    class_code: str = "A",
    term: str = "full",
    central: bool = False,
    union_id: int = 0,
    district_id: int = DISTRICT,
    year: int = 2020,
    valid: tuple[date, date] | None = None,
) -> None:
    """A district's shares, as if it had set them."""
    first, last = valid or (date(year, 1, 1), date(year, 12, 31))
    row = {
        "district_id": district_id,
        "coverage_year": year,
        "class_code": class_code,
        "term": term,
        "central": central,
        "union_id": union_id,
        "district_fen": district_fen,
        "union_fen": union_fen,
        "valid_from": first,
        "valid_to": last,
        "set_by": district_id,
        "set_at": START,
    }
    async with trial.context.engine.begin() as conn:
        await conn.execute(sa.insert(FEE_SPLITS).values(row))


async def season_2020(trial: Trial) -> None:
    """The sample seasons, and class A of 2020 split: of 13.00 yuan a head the district carries 5, the union 8; of the
    half year's 6.50 the district 2.50, the union 4."""
    await trial.load_seasons()
    await split(trial, 500, 800)
    await split(trial, 250, 400, term="half")


def choice(
    way: str = "centralized",
    member_ids: list[int] | None = None,
    *,
    year: int = 2020,
    class_code: str = "A",
    **more: Any,
) -> dict[str, Any]:
    """A request's body."""
    body: dict[str, Any] = {"way": way, "coverage_year": year, "class_code": class_code} | more
    return body | ({"member_ids": member_ids} if member_ids is not None else {})


async def submit(
    trial: Trial,
    way: str = "centralized",
    member_ids: list[int] | None = None,
    *,
    union: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Submit a list; the answer."""
    answer: dict[str, Any] = await trial.ok("POST", "/enrolments", choice(way, member_ids, **more), organisation=union)
    return answer


async def refusal(trial: Trial, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
    """A refusal, which must be a problem document; with its ``code``."""
    response = await trial.call(method, path, body, **more)
    assert response.status_code >= 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    return found | {"code": found["type"].rpartition(":")[2]}
