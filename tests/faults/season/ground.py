"""Where a season's run takes place: a stack with the rehearsal clock, and unions whose members all hold a card."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from tests.faults.ground import Ground
from tests.faults.season.clock import RunClock
from tests.faults.season.plan import (
    CALENDAR,
    DATES,
    DISTRICTS,
    LAST_HOURS,
    MEMBERS,
    MEMBERS_A_LIST,
    RATES,
    UNIONS_A_DISTRICT,
    Intent,
    Kind,
    SeasonPlan,
    UnionPlan,
)
from tests.faults.season.witness import Sent, Witnessed, WitnessedOperator
from unioncard_cli.scenery import CENTRE_PAYER, CENTRE_REVIEWER
from unioncard_cli.season import plan as rehearsal
from unioncard_cli.season.acts import SCHEME, CentreDesk, DistrictDesk, UnionDesk
from unioncard_cli.season.opening import load_rules, open_campaign, wait_for_cards
from unioncard_cli.season.plan import DistrictHabit, UnionHabit
from unioncard_cli.season.population import populate
from unioncard_cli.season.shares import SHARES

PATIENCE_S = 150.0


@dataclass(frozen=True, slots=True)
class Union:
    """A union at its screen; ``members`` are the ids of all of them."""

    plan: UnionPlan
    id: int
    desk: UnionDesk
    operator: WitnessedOperator
    members: Sequence[int]

    def wanted(self, intent: Intent) -> Sent:
        """The list as it is sent: its part of the members."""
        first = intent.place * MEMBERS_A_LIST
        return self.sent(intent.kind, f"{intent.place}", self.members[first : first + MEMBERS_A_LIST])

    def sent(self, kind: Kind, name: str, members: Sequence[int]) -> Sent:
        """A list of these members; the name makes its key."""
        key = f"season-{self.id}-{name}"
        return Sent(key, self.operator.login, self.id, self.plan.class_code, tuple(members), kind)


class SeasonGround(Ground):
    """A stack of its own for one run, since business time goes only forward."""

    def __init__(self) -> None:
        super().__init__(DISTRICTS, UNIONS_A_DISTRICT)
        self.clock = RunClock(self.stack)
        self.witnessed = Witnessed(self.clock.now)
        self.hasty: list[WitnessedOperator] = []

    def prepare(self) -> None:
        """Bring it up on the season's first morning, with rules and people; the campaign is open, shares are set."""
        self.clock.start()
        super().prepare()
        folder = self.folder / "season"
        folder.mkdir()
        (folder / "calendars.csv").write_text(CALENDAR, encoding="utf-8")
        (folder / "rates.csv").write_text(RATES, encoding="utf-8")
        load_rules(self.stack, folder)
        populate(self.stack, _everybody(), self.districts, MEMBERS, seed=1)
        wait_for_cards(self.federation())
        open_campaign(self.stack, self.federation(), DATES.year)
        shares = {(code, term): split for (code, term), split in SHARES.items() if code in ("A", "B")}
        for district in self.districts:
            DistrictDesk(self._operator(district.login, Random(0), 0.0), DATES.year).split(shares)

    def union_desks(self, plan: SeasonPlan) -> list[Union]:
        """The unions of the plan, at their screens."""
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(self._union, plan.unions))

    def district_desks(self, plan: SeasonPlan) -> list[DistrictDesk]:
        """The districts; they click twice now and then."""
        return [
            DistrictDesk(self._operator(one.login, Random(f"{one.login} {plan.seed}"), plan.requests_twice), DATES.year)
            for one in self.districts
        ]

    def centre(self, plan: SeasonPlan) -> CentreDesk:
        """The mutual-aid centre, no calmer than the districts."""
        reviewer, payer = (
            self._operator(login, Random(f"{login} {plan.seed}"), plan.requests_twice)
            for login in (CENTRE_REVIEWER, CENTRE_PAYER)
        )
        return CentreDesk(reviewer, payer, DATES.year)

    def _union(self, one: UnionPlan) -> Union:
        operator = self._operator(self.districts[one.district].union_login(one.number), Random(0), 0.0)
        desk = UnionDesk(operator, DATES.year)
        id_ = int(operator.get("member", "/me")["organisation"]["id"])
        return Union(one, id_, desk, operator, desk.candidates(SCHEME))

    def _operator(self, login: str, rng: Random, rate: float) -> WitnessedOperator:
        made = WitnessedOperator(
            *self.account(login),
            rng=rng,
            rate=rate,
            patience_s=PATIENCE_S,
            insurance_url=self.stack.place.url("insurance-svc"),
        )
        self.hasty.append(made)
        return made.watched_by(self.witnessed)


def _everybody() -> rehearsal.Plan:
    """All unions, as the population is made for them."""
    unions = [
        rehearsal.UnionPlan(district, number, UnionHabit.LAST_DAYS, "A", LAST_HOURS)
        for district in range(DISTRICTS)
        for number in range(1, UNIONS_A_DISTRICT + 1)
    ]
    return rehearsal.Plan(DATES, [DistrictHabit.PROMPT] * DISTRICTS, unions)
