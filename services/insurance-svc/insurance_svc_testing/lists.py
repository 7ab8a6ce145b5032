"""Lists and calendars put straight into the tables, for tests of what comes after a union's submission."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from insurance_svc.enrolments.tables import ENROLMENT_PRICES, ENROLMENTS
from insurance_svc.policies.tables import POLICIES
from insurance_svc.seasons.tables import CALENDAR
from insurance_svc_testing import START, Trial
from unioncard_testing.trial import DISTRICT, UNION

# The 2020 campaign (C20, data/calendars.csv).
CAMPAIGN_2020 = {
    "fee_split": (date(2019, 10, 25), date(2019, 10, 31)),
    "union_window": (date(2019, 11, 1), date(2019, 12, 27)),
    "district_review": (date(2019, 11, 1), date(2019, 12, 31)),
    "district_submission": (date(2019, 12, 28), date(2019, 12, 31)),
    "union_payment": (None, date(2019, 12, 31)),
    "payment": (None, date(2020, 1, 20)),
    "coverage": (date(2020, 1, 1), date(2020, 12, 31)),
}

# A head of class A, full year, 2020: 26 yuan, of which 13 are subsidised; the district carries 5, the union 8.
CLASS_A = ("full", 2600, 1300, 500, 800)
# Class B, half year, central enterprise: 45 yuan, of which 11; 20 and 14.
CLASS_B_HALF = ("half", 4500, 1100, 2000, 1400)


def shanghai(moment: str) -> datetime:
    """``2019-12-28T10:00`` in Shanghai."""
    return datetime.fromisoformat(f"{moment}+08:00")


async def plan_2020(trial: Trial) -> None:
    """The calendar of the campaign."""
    rows = [
        {"scheme": "centralized", "coverage_year": 2020, "phase": phase, "first_day": first, "last_day": last}
        for phase, (first, last) in CAMPAIGN_2020.items()
    ]
    async with trial.context.engine.begin() as conn:
        await conn.execute(sa.insert(CALENDAR).values([row | {"district_id": 0, "source": "C20"} for row in rows]))


async def put_list(
    trial: Trial,
    heads: int,
    price: tuple[str, int, int, int, int] = CLASS_A,
    *,
    class_code: str = "A",
    union_id: int = UNION,
    district_id: int = DISTRICT,
    way: str = "centralized",
    paid: bool = True,
    first_member: int = 1,
    year: int = 2020,
) -> int:
    """A list as a union submitted it, of ``heads`` members from ``first_member`` on; its id."""
    term, fee, subsidy, district, union = price
    values: dict[str, Any] = {
        "union_id": union_id,
        "district_id": district_id,
        "scheme": "centralized" if way == "centralized" else "instant",
        "way": way,
        "coverage_year": year,
        "class_code": class_code,
        "central": False,
        "state": "submitted",
        "heads": heads,
        "fee_fen": fee * heads,
        "subsidy_fen": subsidy * heads,
        "district_fen": district * heads,
        "union_fen": union * heads,
        "submitted_at": START,
        "submitted_by": 1,
        "changed_at": START,
        "paid_fen": union * heads if paid else 0,
        "paid_on": START.date() if paid else None,
    }
    price_row = {
        "term": term,
        "heads": heads,
        "fee_fen": fee,
        "subsidy_fen": subsidy,
        "district_fen": district,
        "union_fen": union,
    }
    async with trial.context.engine.begin() as conn:
        id_ = int((await conn.execute(sa.insert(ENROLMENTS).values(values).returning(ENROLMENTS.c.id))).scalar_one())
        await conn.execute(sa.insert(ENROLMENT_PRICES).values(enrolment_id=id_, **price_row))
        cover = {
            "enrolment_id": id_,
            "term": term,
            "first_day": date(year, 1 if term == "full" else 7, 1),
            "last_day": date(year, 12, 31),
            "first_half": year if term == "full" else None,
            "second_half": year,
        }
        members = range(first_member, first_member + heads)
        await conn.execute(sa.insert(POLICIES), [cover | {"member_id": one} for one in members])
        held = {"union_id": union_id, "coverage_year": year, "class_code": class_code}
        await conn.execute(
            sa.text("""INSERT INTO union_classes (union_id, coverage_year, class_code)
                       VALUES (:union_id, :coverage_year, :class_code) ON CONFLICT DO NOTHING"""),
            held,
        )
    return id_
