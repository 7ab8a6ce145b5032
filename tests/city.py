"""A small federation on the whole real stack, in which the slice has been played from the roster to the
card in hand, the beginning of a season, and claims.

``union`` is the one that everything happened to; whoever else there is stands above, below or beside it:

    示例市总工会 (federation, centre, bank)
    ├── 示例区总工会 (district)
    │   ├── 示例联合工会 (second_level)
    │   │   ├── 示例一厂工会 (union, member)
    │   │   └── 示例二厂工会 (sibling)
    │   └── 样本联合工会 (second_sibling)
    ├── 样本局工会 (other_district)
    └── 试验产业工会 (trial_district)
        └── 试验一厂工会 (trial): for tests that leave things behind
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from tests import claims, season
from tests.claims import Claims
from tests.season import Season
from unioncard_cli.operators import Operator, Refusal, until
from unioncard_cli.roster import Person, Trait, make_roster, sheet_of, workbook
from unioncard_cli.scenery import OUTLETS, service_command
from unioncard_cli.stack import Stack
from unioncard_cli.story import CardStory

ORGANISATIONS = """\
code,parent_code,level,kind,district_code,name,central_enterprise,credit_code,head_name,head_phone
SH,,federation,,,示例市总工会,0,,,
D363,SH,district,district,363,示例区总工会,0,,,
S1,D363,second_level,,,示例联合工会,0,,,
S2,D363,second_level,,,样本联合工会,0,,,
U1,S1,union,,,示例一厂工会,0,,钱负责,021-50000001
U2,S1,union,,,示例二厂工会,0,,,
D301,SH,district,bureau,301,样本局工会,0,,,
D701,SH,district,industry,701,试验产业工会,0,,,
U9,D701,union,,,试验一厂工会,0,,,
"""
UNION_NAME = "示例一厂工会"
DISTRICT_NAME = "示例区总工会"

#: Every caller with its role and organisation. ``counter`` is the account by which a district itself applies for
#: cards, through the unions' entrance (domain 1: two entrances, two scopes).
CALLERS = {
    "trial_district": ("district", "D701"),
    "trial": ("union", "U9"),
    "sibling": ("union", "U2"),
    "second_level": ("second_level", "S1"),
    "second_sibling": ("second_level", "S2"),
    "district": ("district", "D363"),
    "counter": ("union", "D363"),
    "other_district": ("district", "D301"),
    "centre_reviewer": ("centre_reviewer", "SH"),
    "centre_payer": ("centre_payer", "SH"),
    "federation": ("federation", "SH"),
    "bank": ("bank", "SH"),
    "member": ("member", "U1"),
    "union": ("union", "U1"),
}
_ACCOUNTS = CALLERS | season.SECONDS | claims.SECONDS


@dataclass(slots=True)
class City:
    """What stands when the slice has been played; the ids are those of ``union``'s things."""

    stack: Stack
    password: str
    people: Sequence[Person]
    batch: str = ""
    check: str = ""
    pending_import: int = 0
    refused_import: int = 0
    transfer: int = 0
    refused_transfer: int = 0
    notice: int = 0
    union_id: int = 0
    member: int = 0
    on_list: int = 0
    spare: int = 0
    played: Season | None = None
    claimed: Claims | None = None
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    @property
    def season(self) -> Season:
        """The season as far as it has been played."""
        assert self.played is not None
        return self.played

    @property
    def claims(self) -> Claims:
        """The claims as far as they have come."""
        assert self.claimed is not None
        return self.claimed

    def url(self, service: str) -> str:
        """Where a service answers: ``member``, ``card``, ``insurance`` or ``claims``."""
        return self.stack.place.url(f"{service}-svc")

    def operator(self, caller: str) -> Operator:
        """Somebody at the screen, who waits and tries again."""
        urls = self.url("member"), self.url("card")
        insurance, claims_ = self.url("insurance"), self.url("claims")
        return Operator(*urls, login_of(caller), self.password, insurance_url=insurance, claims_url=claims_)

    def token(self, caller: str) -> str:
        """An access token; a fresh one every ten minutes, for they live for 15."""
        token, since = self.tokens.get(caller, ("", 0.0))
        if not token or time.monotonic() - since > 600:
            token = self.log_in(login_of(caller))
            self.tokens[caller] = token, time.monotonic()
        return token

    def log_in(self, login: str) -> str:
        """A fresh token of any account."""
        body = {"login": login, "password": self.password}
        answer = self.client.post(f"{self.url('member')}/tokens", json=body)
        return str(answer.raise_for_status().json()["access_token"])

    def load_accounts(self, *lines: str) -> None:
        """Load accounts by the service's own command; each line is ``login,password,role,code,member number``."""
        path = self.stack.place.state / "accounts.csv"
        path.write_text("\n".join(["login,password,role,organisation_code,member_number", *lines, ""]))
        service_command(self.stack, "member-svc", "load-accounts", str(path))

    def private_words(self) -> set[str]:
        """What only those may read who are at or above the union: its name, its members and its batches."""
        words = {UNION_NAME, self.batch, self.check, self.season.batch, self.claims.appealed, self.claims.returned}
        return words | {person.name for person in self.people}


def login_of(caller: str) -> str:
    """The login of a caller's account."""
    return f"{caller.replace('_', '-')}@unioncard.example"


def build(stack: Stack) -> City:
    """Bring everything up and play the slice: 16 members get cards, 3 stand on the to-do list, 2 wait for approval.

    One of those without a card is let go, and ten of those with one are enrolled.
    """
    stack.up()
    roster = make_roster(7, [Trait.ORDINARY] * 18 + [Trait.RETIRED, Trait.FOREIGN] + [Trait.ORDINARY] * 5)
    # Long names, since two characters may stand in any text by chance.
    people = [replace(one, name=f"{one.name[0]}{_given(place)}") for place, one in enumerate(roster)]
    city = City(stack, f"Aa1-{secrets.token_urlsafe(12)}", people)
    _load(city)
    year = season.open_season(stack)
    issued = _play(city)
    city.played = season.play(city.operator, year, issued, people[0].name)
    city.claimed = claims.play(stack, city.operator, city.member)
    return city


def _given(place: int) -> str:
    return "澜沁珞祎翊"[place % 5] + "骁婳霁琛"[place % 4] + "旻" * (place // 20)


def _load(city: City) -> None:
    path = city.stack.place.state / "organisations.csv"
    path.write_text(ORGANISATIONS, encoding="utf-8")
    service_command(city.stack, "member-svc", "load-organisations", str(path))
    service_command(city.stack, "card-svc", "load-outlets", str(OUTLETS))
    city.load_accounts(
        *(
            f"{login_of(name)},{city.password},{role},{code},"
            for name, (role, code) in _ACCOUNTS.items()
            if role != "member"
        )
    )
    until("organisations in the services", lambda: _tree_is_there(city), bool, 60)


def _tree_is_there(city: City) -> bool:
    try:
        city.operator("trial").get("card", "/cards")
        city.operator("trial").get("insurance", "/enrolments")
        city.operator("trial").get("claims", "/claims")
    except Refusal:
        return False
    return True


def _play(city: City) -> list[int]:
    union, superior = city.operator("union"), city.operator("second_level")
    story = CardStory(union, superior, city.stack.place.url("sandbox"))
    first, later, waiting = city.people[:20], city.people[20:23], city.people[23:]
    story.tell_offices(first)
    city.refused_import = _refused(story, first)
    _bring_in(story, first, 20)
    story.add_all()
    city.check = str(union.post("card", "/checks", {"channel": "normal"})["id"])
    until("the check", lambda: union.get("card", f"/checks/{city.check}"), lambda seen: bool(seen["done"]), 60)
    story.remove_not_passed("normal")
    (city.batch,) = story.submit("normal")
    story.wait_for_bank(city.batch)
    city.notice = story.wait_for_notice(city.batch)["id"]
    story.record_call(city.batch)
    union.get_bytes("card", f"/batches/{city.batch}/register.pdf")
    issued = [row["member_id"] for row in story.members_of(city.batch) if row["outcome"] == "issued"]
    city.member = issued[0]
    story.pick_up(city.batch, issued[:2])
    _bring_in(story, later, 23)
    story.add_all()
    city.on_list, city.spare = (row["member_id"] for row in list(union.pages("card", "/todo", channel="normal"))[-2:])
    city.pending_import = story.upload(waiting)
    city.union_id = int(union.get("member", "/me")["organisation"]["id"])
    leaver = until("somebody to let go", lambda: _without_card(city, union), bool, 60)[0]
    city.refused_transfer = _refused_transfer(union, leaver["name"])
    city.transfer = union.post("member", "/transfer-outs", {"member_ids": [leaver["id"]], "reason": "retired"})["id"]
    number = union.get("member", f"/members/{city.member}")["number"]
    city.load_accounts(f"{login_of('member')},{city.password},member,U1,{number}")
    season.load_old_policy(city.stack, number)
    return issued


def _without_card(city: City, union: Operator) -> list[dict[str, Any]]:
    """Whoever waits for a card, but for those that others look at."""
    listed = union.pages("member", "/members", card_state="to_do", state="normal")
    return [one for one in listed if one["id"] not in (city.on_list, city.spare)]


def _bring_in(story: CardStory, people: Sequence[Person], total: int) -> None:
    story.approve(story.upload(people))
    story.wait_for_members(total)


def _refused(story: CardStory, people: Sequence[Person]) -> int:
    """A roster with a number that is none: refused, kept for its sender with the reasons."""
    wrong = [replace(people[0], document_number=people[0].document_number[:-1]), *people[1:]]
    try:
        story.union.upload("member", "/imports", "名册.xlsx", workbook(wrong))
    except Refusal as refusal:
        return int(refusal.problem["import_id"])
    raise AssertionError("a roster with a bad number was taken in")


def _refused_transfer(union: Operator, name: str) -> int:
    """A sheet of members to let go with a number that nobody has: refused, kept for its sender with the reasons."""
    content = sheet_of(("姓名", "证件号码", "转出原因"), (name, "E00000000", "退休"))
    try:
        union.upload("member", "/transfer-outs/file", "转出.xlsx", content)
    except Refusal as refusal:
        return int(refusal.problem["transfer_out_id"])
    raise AssertionError("somebody was let go who is not there")
