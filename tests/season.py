"""A season in the small federation: its days are laid around today, so that every phase is open while tests run.

Of the union's members some are in a batch that the centre has passed, some on a list before the district, and one list
was returned.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from unioncard.dates import SHANGHAI
from unioncard_cli.operators import Operator, until
from unioncard_cli.scenery import service_command
from unioncard_cli.season.acts import CentreDesk, DistrictDesk, Movement, UnionDesk
from unioncard_cli.season.voucher import png
from unioncard_cli.stack import Stack
from workflows.client import connect
from workflows.schedules import CAMPAIGNS_DAILY
from workflows.settings import WorkflowsSettings

SCHEME = "centralized"
MOVEMENT = "MOVEMENT-1"
VOUCHER = 1
#: Second accounts, for four eyes: what they ask for waits for another of their office.
SECONDS = {"federation_second": ("federation", "SH"), "centre_second": ("centre_payer", "SH")}

_RATES = """\
coverage_year,class,term,fee_yuan,subsidy_yuan,central_enterprise_subsidy_yuan,source
{year},A,full,26,13,7,test
{year},A,half,13,6.5,3.5,test
{this_year},A,full,26,13,7,test
{this_year},A,half,13,6.5,3.5,test
"""
_CALENDAR = """\
scheme,coverage_year,phase,first_day,last_day,source
centralized,{year},fee_split,{first},{last},test
centralized,{year},fee_split_validity,{year}-01-01,{year}-12-31,test
centralized,{year},union_window,{first},{last},test
centralized,{year},union_payment,,{last},test
centralized,{year},district_review,{first},{last},test
centralized,{year},district_submission,{first},{last},test
centralized,{year},payment,,{last},test
centralized,{year},payment_details,,{last},test
centralized,{year},card_held_by,,{this_year}-12-31,test
centralized,{year},coverage,{year}-01-01,{year}-12-31,test
instant,{this_year},enrolment,{this_year}-01-01,{this_year}-12-30,test
personal,{this_year},enrolment,{this_year}-01-01,{this_year}-12-30,test
"""


@dataclass(frozen=True, slots=True)
class Season:
    """The coverage year, and the ids of the union's and its district's things in it."""

    year: int
    district: int
    batch: str
    voucher: int
    in_batch: int
    waiting: int
    policy: int
    notice: int
    change: int
    settlement: int


def today() -> date:
    """The business day: this stack's clock is the machine's."""
    return datetime.now(SHANGHAI).date()


def open_season(stack: Stack) -> int:
    """Load the rules and start the campaign, as the night would; its coverage year."""
    year = today().year + 1
    folder = stack.place.state / "season"
    folder.mkdir()
    days = {"first": today() - timedelta(days=1), "last": today() + timedelta(days=40)}
    for name, text in (("rates.csv", _RATES), ("calendars.csv", _CALENDAR)):
        _write(folder / name, text.format(year=year, this_year=year - 1, **days))
    service_command(stack, "insurance-svc", "load-season", str(folder))
    asyncio.run(_start_campaigns(stack.place.environment()["UNIONCARD_TEMPORAL"]))
    return year


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def load_old_policy(stack: Stack, member_number: str) -> None:
    """A policy of the previous system, undated."""
    path = stack.place.state / "season" / "policies.csv"
    _write(path, f"member_number,policy_number\n{member_number},OLD-1\n")
    rejects = stack.place.state / "season" / "rejects"
    service_command(stack, "insurance-svc", "load-legacy", str(path), "--rejects", str(rejects))
    assert not list(rejects.glob("*"))


async def _start_campaigns(temporal: str) -> None:
    client = await connect(WorkflowsSettings(temporal=temporal))
    await client.get_schedule_handle(CAMPAIGNS_DAILY).trigger()


def play(operator: Callable[[str], Operator], year: int, members: Sequence[int], payer: str) -> Season:
    """Enrol these members, who hold cards; somebody of that name pays into the account without naming a batch."""
    union, district = UnionDesk(operator("union"), year), DistrictDesk(operator("district"), year)
    centre = CentreDesk(operator("centre_reviewer"), operator("centre_payer"), year)
    district.split({("A", "full"): (500, 800)})
    until("cards in insurance-svc", lambda: set(union.candidates(SCHEME)), set(members).issubset, 60)
    returned = union.submit(SCHEME, "A", members[:3])
    district.return_list(SCHEME, returned["id"], "名单有误")
    in_batch, waiting = union.submit(SCHEME, "A", members[:8]), union.submit(SCHEME, "A", members[8:10])
    district.record_payments([in_batch], today())
    basket = {"scheme": SCHEME, "coverage_year": year, "enrolment_ids": [in_batch["id"]]}
    district.operator.post("insurance", "/district-review/basket", basket)
    batch = str(district.submit(SCHEME)["number"])
    centre.pass_batch(batch)
    district.upload_voucher(batch, png(VOUCHER))
    (voucher,) = district.operator.get("insurance", f"/premium-batches/{batch}/vouchers")["items"]
    yesterday = today() - timedelta(days=1)
    centre.load_statement(yesterday, yesterday, [Movement(MOVEMENT, yesterday, 100, payer, f"{payer}的保费")])
    (policy,) = union.operator.pages("insurance", "/policies", member_id=members[0], state="provisional")
    (notice,) = (
        one for one in union.operator.pages("insurance", "/notices") if one["about"] == f"enrolment:{returned['id']}"
    )
    change = operator("federation_second").post("insurance", "/rule-changes", _longer_window(year))
    district_id = int(district.operator.get("member", "/me")["organisation"]["id"])
    surplus = {"district_id": district_id, "coverage_year": year - 2, "amount_fen": 1000, "reason": "年度清算"}
    return Season(
        year=year,
        district=district_id,
        batch=batch,
        voucher=voucher["id"],
        in_batch=in_batch["id"],
        waiting=waiting["id"],
        policy=policy["id"],
        notice=notice["id"],
        change=change["id"],
        settlement=operator("centre_second").post("insurance", "/settlements", surplus)["id"],
    )


def _longer_window(year: int) -> dict[str, Any]:
    return {
        "change": {
            "kind": "calendar",
            "coverage_year": year,
            "scheme": SCHEME,
            "phase": "union_window",
            "first_day": (today() - timedelta(days=1)).isoformat(),
            "last_day": (today() + timedelta(days=41)).isoformat(),
        },
        "reason": "系统割接，延长一天",
    }
