"""A walk through seasons at random: time, people, unions and districts. What the service answers is compared with the
model at every step.
"""

from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from insurance_svc.metadata import METADATA
from insurance_svc_testing import Trial, member
from insurance_svc_testing.districts import OPERATOR, PASSING
from insurance_svc_testing.season_model import Batch, List, Person, Season
from unioncard.contracts.insurance import CloseDistrict, Scheme
from unioncard.principal import Role
from unioncard_testing.trial import DISTRICT, OTHER_DISTRICT, SIBLING, STRANGER, UNION
from unioncard_testing.walking import ServiceWalk, action

UNIONS = {UNION: DISTRICT, SIBLING: DISTRICT, STRANGER: OTHER_DISTRICT}
DISTRICTS = (DISTRICT, OTHER_DISTRICT)
HOMES = {1: UNION, 2: UNION, 3: UNION, 4: SIBLING, 5: SIBLING, 6: STRANGER, 7: STRANGER, 8: UNION, 9: STRANGER}
HELD_CARDS = date(2019, 3, 1)
WAYS = (
    ("centralized", 2020),
    ("centralized", 2020),
    ("centralized", 2020),
    ("no_cover", 2020),
    ("no_cover", 2019),
    ("newly_issued", 2020),
)
SEASONS = (("centralized", 2020), ("centralized", 2020), ("instant", 2020), ("instant", 2019))
MOSTLY = st.sampled_from([True, True, True, True, False])
KEPT = frozenset({"organisations", "rates", "benefits", "central_enterprises", "fee_splits", "calendar", "campaigns"})


class CampaignWalk(ServiceWalk):
    """Unions and districts."""

    trial: ClassVar[Trial]
    owner: ClassVar[Any]
    season: Season

    def post(self, path: str, body: Any, *, expected: bool, **more: Any) -> Any:
        """The answer to a request that must, or must not, succeed; every third comes twice."""
        self.requests += 1
        key = f"walk-{self.requests:06d}"
        answer = self.call(path, body, key, **more)
        assert answer.is_success == expected, (path, body, self.season.now, answer.status_code, answer.text)
        assert expected or answer.headers["content-type"] == "application/problem+json", answer.text
        if self.requests % 3 == 0:
            again = self.call(path, body, key, **more)
            assert (again.status_code, expected and again.json()) == (answer.status_code, expected and answer.json())
        return answer.json()

    def call(self, path: str, body: Any, key: str, **more: Any) -> httpx.Response:
        """One request."""
        return self.in_loop(self.trial.call("POST", path, body, key=key, **more))

    def command(self, command: Any) -> dict[str, Any]:
        """The reply to a command, which comes twice."""
        self.requests += 1
        return self.in_loop(self.trial.command(command, f"walk-{self.requests:06d}"))

    def at(self, moment: datetime) -> None:
        """Put both clocks there."""
        self.season.now = moment
        self.trial.clock.at = moment

    @initialize(
        start=st.sampled_from(
            ["2020-01-18T10:00", "2019-12-27T23:40", "2019-11-04T10:00", "2019-12-30T10:00", "2020-01-20T23:50"]
        ),
        stage=st.sampled_from(["passed", "sent", "passed", "nothing"]),
    )
    def begin(self, start: str, stage: str) -> None:
        """Some walks begin where nothing is, others where unions have sent their lists, or batches wait for money."""
        self.requests = 0
        self.proposed: dict[int, tuple[tuple[str, int, date] | int, Any]] = {}
        self.entered: dict[int, tuple[int, int]] = {}
        self.years_settled: set[tuple[int, int, int]] = set()
        people = {one: Person(home, HELD_CARDS if one <= 7 else None) for one, home in HOMES.items()}
        self.season = Season(
            datetime.fromisoformat("2019-11-04T10:00:00+08:00"), dict(UNIONS), frozenset({OTHER_DISTRICT}), people
        )
        self.at(self.season.now)
        self.in_loop(self._empty())
        if stage != "nothing":
            for union in UNIONS:
                self.submit_list(union, ("centralized", 2020), "A", None)
        if stage == "passed":
            self.at(datetime.fromisoformat("2019-12-28T10:00:00+08:00"))
            self.enter_settlement(DISTRICT, 2018, 3000, True)
            for district in DISTRICTS:
                self.do_all_the_work(district, ("centralized", 2020), True)
        self.at(max(self.season.now, datetime.fromisoformat(f"{start}:00+08:00")))

    async def _empty(self) -> None:
        names = ", ".join(f'"{name}"' for name in METADATA.tables if name not in KEPT)
        async with self.owner.begin() as conn:
            await conn.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
            await conn.exec_driver_sql("TRUNCATE calendar, rates")
            await conn.exec_driver_sql("INSERT INTO calendar SELECT * FROM kept_calendar")
            await conn.exec_driver_sql("INSERT INTO rates SELECT * FROM kept_rates")
        for union in UNIONS:
            mine = [one for one, home in HOMES.items() if home == union]
            await self.trial.tell_members(*(member(one, union_id=union) for one in mine))
            await self.trial.tell_cards(*(one for one in mine if one <= 7), union_id=union, numbered_on=HELD_CARDS)

    # -- time and people

    @action(times=3, far=st.sampled_from([0, 0, 0, 1, 1, 2, 4]), before=st.booleans())
    def wait(self, data: st.DataObject, far: int, before: bool) -> None:
        """Go to the last moment of a day on which something ends, or the first of the day after; or a few days on."""
        ends = {last for _, last in self.season.calendar.values()} | {
            one.due_on for one in self.season.batches.values() if one.state == "passed"
        }
        moments = sorted(
            datetime.fromisoformat(f"{one}T23:59:59.999999+08:00") + timedelta(microseconds=0 if before else 1)
            for one in ends
        )
        later = [one for one in moments if one > self.season.now]
        if later and far < 4:
            self.at(later[min(far, len(later) - 1)])
        elif self.season.today < date(2020, 11, 1):
            self.at(self.season.now + timedelta(days=data.draw(st.sampled_from([1, 5, 20, 60]))))

    @action(one=st.sampled_from(sorted(HOMES)), union=st.sampled_from([*UNIONS, None]))
    def leave(self, one: int, union: int | None) -> None:
        """Members leave and come; their cover stays as it is. What was told before comes late, and changes nothing."""
        person = self.season.people[one]
        before = member(one, union_id=person.union, version=person.version)
        person.version, person.union = person.version + 1, union
        now = member(one, union_id=union, version=person.version)
        for told in (now, before):
            told["state"] = "normal" if told["union_id"] else "without_union"
            self.in_loop(self.trial.tell_members(told))

    @action(one=st.sampled_from([8, 9]), ago=st.sampled_from([0, 1, 29, 30, 31]))
    def number_made(self, one: int, ago: int) -> None:
        """A card's number came from the bank."""
        person = self.season.people[one]
        if person.numbered_on is None and person.union is not None:
            person.numbered_on = self.season.today - timedelta(days=ago)
            told = self.trial.tell_cards(one, union_id=person.union, numbered_on=person.numbered_on)
            self.in_loop(told)

    # -- unions

    @action(
        times=3,
        union=st.sampled_from(sorted(UNIONS)),
        way_year=st.sampled_from(WAYS),
        class_code=st.sampled_from(["A", "A", "A", "B"]),
        chosen=st.none() | st.none() | st.sets(st.sampled_from(sorted(HOMES)), min_size=1, max_size=3),
    )
    def submit_list(self, union: int, way_year: tuple[str, int], class_code: str, chosen: set[int] | None) -> None:
        way, year = way_year
        chosen = None if way == "no_cover" else chosen
        able = self.season.able(union, way, year)
        wanted = set(able) if chosen is None else chosen
        expected = (
            self.season.may_send(union, way, year)
            and self.season.class_of(union, year) in (None, class_code)
            and bool(wanted)
            and wanted <= set(able)
        )
        body: dict[str, Any] = {"way": way, "coverage_year": year, "class_code": class_code}
        if chosen is not None:
            body["member_ids"] = sorted(chosen)
        made = self.post("/enrolments", body, expected=expected, organisation=union)
        if expected:
            days = {one: able[one] for one in wanted}
            money = self.season.price_of(union, way, year, class_code, days.values())
            assert money[0] == sum(money[1:])
            shown = (made["fee_fen"], made["subsidy_fen"], made["district_fen"], made["union_fen"])
            assert shown == money, (made, money)
            district = self.season.districts[union]
            self.season.lists[made["id"]] = List(
                made["id"], union, district, way, year, class_code, days, money, self.season.now
            )

    @action(when=lambda self: self.season.lists, union=st.sampled_from(sorted(UNIONS)))
    def withdraw(self, data: st.DataObject, union: int) -> None:
        one = self.season.lists[data.draw(st.sampled_from(sorted(self.season.lists)))]
        expected = one.state == "returned" and one.union == union
        self.post(f"/enrolments/{one.id}/withdrawal", None, expected=expected, organisation=union)
        if expected:
            self.season.release([one.id], "withdrawn")

    # -- districts

    def some_lists(self, data: st.DataObject, district: int, scheme: str, year: int) -> list[int]:
        """Lists that the district has before it, and now and then one that it has not."""
        mine = [one.id for one in self.season.under_review(district, scheme, year)]
        one_of_mine = data.draw(MOSTLY)
        ids = mine if mine and one_of_mine else sorted(self.season.lists)
        return sorted(data.draw(st.sets(st.sampled_from(ids), min_size=1, max_size=3)))

    def reviewable(self, district: int, scheme: str, year: int, ids: list[int] | None) -> bool:
        """Whether the district may touch these lists today; ``None``: all of its own."""
        mine = {one.id for one in self.season.under_review(district, scheme, year)}
        if ids is not None and not set(ids) <= mine:
            return False
        return scheme == "instant" or not mine or self.season.open("district_review", district)

    @action(
        times=2,
        when=lambda self: self.season.lists,
        district=st.sampled_from(DISTRICTS),
        of=st.sampled_from(SEASONS),
        to=st.sampled_from(["basket", "basket", "basket", "submitted"]),
        everything=st.booleans(),
    )
    def review(self, data: st.DataObject, district: int, of: tuple[str, int], to: str, everything: bool) -> None:
        """Into the basket, or off it again."""
        ids = None if everything else self.some_lists(data, district, *of)
        expected = self.reviewable(district, *of, ids)
        body: dict[str, Any] = {"scheme": of[0], "coverage_year": of[1]}
        body |= {"all": True} if ids is None else {"enrolment_ids": ids}
        path = "/district-review/basket" + ("" if to == "basket" else "/removals")
        answer = self.post(path, body, expected=expected, role=Role.DISTRICT, organisation=district)
        if expected:
            moving = [
                one
                for one in self.season.under_review(district, *of)
                if (ids is None or one.id in ids) and one.state != to
            ]
            assert answer == {"moved": len(moving)}
            for one in moving:
                one.state = to

    @action(when=lambda self: self.season.lists, district=st.sampled_from(DISTRICTS), of=st.sampled_from(SEASONS))
    def return_lists(self, data: st.DataObject, district: int, of: tuple[str, int]) -> None:
        ids = self.some_lists(data, district, *of)
        expected = self.reviewable(district, *of, ids)
        body = {"scheme": of[0], "coverage_year": of[1], "enrolment_ids": ids, "reason": "请核对名单"}
        self.post("/district-review/returns", body, expected=expected, role=Role.DISTRICT, organisation=district)
        if expected:
            self.season.release(ids, "returned")

    @action(
        when=lambda self: self.season.lists,
        district=st.sampled_from(DISTRICTS),
        off=st.sampled_from([0, 0, 0, 1, -1, -600]),
        ago=st.sampled_from([0, 0, 1, 3, -1]),
    )
    def union_pays(self, data: st.DataObject, district: int, off: int, ago: int) -> None:
        """The district records what came from a union; less or more, some days ago, or tomorrow."""
        one = self.season.lists[data.draw(st.sampled_from(sorted(self.season.lists)))]
        self.record_payment(one, district, one.money[3] - one.paid + off, self.season.today - timedelta(days=ago))

    def record_payment(self, one: List, district: int, amount: int, paid_on: date) -> None:
        """The district records a payment of one list."""
        expected = (
            (one.district, one.state in ("submitted", "basket")) == (district, True)
            and amount != 0
            and 0 <= one.paid + amount <= one.money[3]
            and paid_on <= self.season.today
            and (
                one.way != "centralized"
                or (
                    self.season.open("union_payment", district)
                    and paid_on <= self.season.days("union_payment", district)[1]
                )
            )
        )
        body = {"payments": [{"enrolment_id": one.id, "amount_fen": amount}], "paid_on": str(paid_on)}
        self.post("/union-payments", body, expected=expected, role=Role.DISTRICT, organisation=district)
        if expected:
            one.paid += amount

    @action(district=st.sampled_from(DISTRICTS), of=st.sampled_from(SEASONS))
    def submit_to_centre(self, district: int, of: tuple[str, int]) -> None:
        basket = [one for one in self.season.under_review(district, *of) if one.state == "basket"]
        in_days = of[0] == "instant" or self.season.open("district_submission", district)
        expected = in_days and any(not one.unpaid for one in basket)
        body = {"scheme": of[0], "coverage_year": of[1]} | OPERATOR
        path = "/district-review/submissions"
        answer = self.post(path, body, expected=expected, role=Role.DISTRICT, organisation=district)
        if expected:
            made = self.season.submit(answer["number"], district, *of)
            shown = (answer["fee_fen"], answer["subsidy_fen"], answer["district_fen"], answer["union_fen"])
            assert (shown, answer["credit_fen"], answer["due_fen"]) == (made.money, made.credit, made.due)

    @action(
        times=3,
        when=lambda self: any(one.state in ("submitted", "basket") for one in self.season.lists.values()),
        district=st.sampled_from(DISTRICTS),
        of=st.sampled_from(SEASONS),
        passing=st.booleans(),
    )
    def do_all_the_work(self, district: int, of: tuple[str, int], passing: bool) -> None:
        """What a diligent district does, so that walks come far: unions have paid, all is reviewed and submitted."""
        for one in self.season.under_review(district, *of):
            if one.unpaid:
                self.record_payment(one, district, one.money[3] - one.paid, self.season.today)
        if self.season.under_review(district, *of) and self.reviewable(district, *of, None):
            body = {"scheme": of[0], "coverage_year": of[1], "all": True}
            self.post("/district-review/basket", body, expected=True, role=Role.DISTRICT, organisation=district)
            for one in self.season.under_review(district, *of):
                one.state = "basket"
        self.submit_to_centre(district, of)
        for batch in list(self.season.batches.values()):
            if passing and batch.state == "reviewing":
                self.pass_one(batch)

    @action(district=st.sampled_from(DISTRICTS))
    def close_district(self, district: int) -> None:
        """The campaign's workflow finds the last day of submission gone, or believes so."""
        answer = self.command(CloseDistrict(scheme=Scheme.CENTRALIZED, coverage_year=2020, district_id=district))
        over = self.season.today > self.season.days("district_submission", district)[1]
        assert answer["type"] == ("command.succeeded.v1" if over else "command.refused.v1"), answer
        if over:
            mine = self.season.under_review(district, "centralized", 2020)
            assert answer["data"]["result"]["lists_voided"] == len(mine)
            self.season.release([one.id for one in mine], "voided")

    def pass_one(self, batch: Batch) -> None:
        """The centre passes a batch, unless its payment is over."""
        due_day = self.season.due_day(batch)
        expected = batch.state == "reviewing" and due_day >= self.season.today
        path = f"/premium-batches/{batch.number}/passing"
        answer = self.post(path, PASSING, expected=expected, role=Role.CENTRE_REVIEWER)
        if expected:
            batch.state, batch.passed_on, batch.due_on = "passed", self.season.today, due_day
            assert answer["due_on"] == str(due_day)

    # -- years before

    @action(
        district=st.sampled_from(DISTRICTS),
        year=st.sampled_from([2017, 2018, 2019]),
        amount=st.sampled_from([1, 700, 3000, 50000, -900]),
        at_once=st.booleans(),
    )
    def enter_settlement(self, district: int, year: int, amount: int, at_once: bool) -> None:
        """What an earlier year gave back, or lacked."""
        body = {"district_id": district, "coverage_year": year, "amount_fen": amount, "reason": "清算"}
        taken = (district, year) in {(one, of) for one, of, _ in self.years_settled}
        expected = not taken and self.season.today > date(year, 12, 31)
        answer = self.post("/settlements", body, expected=expected, role=Role.CENTRE_PAYER, account=71)
        if expected:
            self.entered[answer["id"]] = (district, amount)
            self.years_settled.add((district, year, answer["id"]))
            if at_once:
                self.decide_one(answer["id"], 72, True)

    @action(
        when=lambda self: self.entered,
        account=st.sampled_from([71, 72, 72]),
        approved=st.sampled_from([True, True, False]),
    )
    def decide_settlement(self, data: st.DataObject, account: int, approved: bool) -> None:
        """Never who entered it."""
        self.decide_one(data.draw(st.sampled_from(sorted(self.entered))), account, approved)

    def decide_one(self, one: int, account: int, approved: bool) -> None:
        """An account decides on a settlement."""
        expected = account != 71
        path = f"/settlements/{one}/decision"
        body = {"approved": approved}
        self.post(path, body, expected=expected, role=Role.CENTRE_REVIEWER, account=account)
        if expected:
            district, amount = self.entered.pop(one)
            if approved:
                self.season.settled[district] += max(0, amount)
            else:
                self.years_settled = {known for known in self.years_settled if known[2] != one}
