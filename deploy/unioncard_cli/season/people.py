"""Everybody who acts in a rehearsal: generated districts and unions, and their operators."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from unioncard_cli import scenery
from unioncard_cli.operators import Operator
from unioncard_cli.scenery import CENTRE_PAYER, CENTRE_REVIEWER, FEDERATION, District
from unioncard_cli.season.acts import CentreDesk, DistrictDesk, UnionDesk
from unioncard_cli.season.clock import StackClock
from unioncard_cli.season.journal import Journal, WatchedOperator
from unioncard_cli.season.plan import Plan, UnionPlan
from unioncard_cli.stack import Stack

FIRST_DISTRICT = 601


def districts_of(plan: Plan) -> list[District]:
    """Generated districts, as many as the plan has."""
    found = []
    for place in range(len(plan.districts)):
        unions = sum(1 for one in plan.unions if one.district == place)
        found.append(District(str(FIRST_DISTRICT + place), f"演练{place + 1}区总工会", unions))
    return found


@dataclass(slots=True)
class Cast:
    """The operators, each logged in once."""

    stack: Stack
    clock: StackClock
    plan: Plan
    journal: Journal
    districts: Sequence[District]
    _known: dict[str, Operator] = field(default_factory=dict)

    def enter(self) -> None:
        """Load organisations, accounts and outlets."""
        scenery.load(self.stack, self.districts)

    def log_in(self) -> None:
        """Everybody is at their screen before the season begins, so that no password is checked while it is timed."""
        logins = [self.districts[one.district].union_login(one.number) for one in self.plan.unions]
        logins += [one.login for one in self.districts] + [FEDERATION, CENTRE_REVIEWER, CENTRE_PAYER]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda login: self.operator(login).get("member", "/me"), logins))

    def union(self, one: UnionPlan) -> UnionDesk:
        """The operator of a union."""
        return UnionDesk(self.operator(self.districts[one.district].union_login(one.number)), self.plan.dates.year)

    def district(self, place: int) -> DistrictDesk:
        """The operator of a district."""
        return DistrictDesk(self.operator(self.districts[place].login), self.plan.dates.year)

    def centre(self) -> CentreDesk:
        """The mutual-aid centre."""
        return CentreDesk(self.operator(CENTRE_REVIEWER), self.operator(CENTRE_PAYER), self.plan.dates.year)

    def federation(self) -> Operator:
        """The federation, which also audits."""
        return self.operator(FEDERATION)

    def name(self, one: UnionPlan) -> str:
        """What the union is called in the report."""
        return f"{self.districts[one.district].name}第{one.number}示例单位工会"

    def operator(self, login: str) -> Operator:
        """Whoever logs in with this."""
        if login not in self._known:
            place = self.stack.place
            made = WatchedOperator(
                place.url("member-svc"),
                place.url("card-svc"),
                login,
                scenery.password(self.stack),
                insurance_url=place.url("insurance-svc"),
                claims_url=place.url("claims-svc"),
                patience_s=120.0,
            )
            made.journal = self.journal
            self._known[login] = made
        return self._known[login]
