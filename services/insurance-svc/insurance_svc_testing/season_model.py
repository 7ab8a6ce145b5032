"""What a season must come to, worked out from the federation's rules and not from the service (domain 5).

Kept beside the service by tests that do at random what unions, districts and the centre do. Nothing of the service is
imported but what staff and the bank name things by; days are compared as days, policies by the people they cover, and
the ledger is counted from what lists, batches and movements are, never posting by posting.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

CENTRALIZED_2020 = {
    "union_window": (date(2019, 11, 1), date(2019, 12, 27)),
    "union_payment": (None, date(2019, 12, 31)),
    "district_review": (date(2019, 11, 1), date(2019, 12, 31)),
    "district_submission": (date(2019, 12, 28), date(2019, 12, 31)),
    "payment": (None, date(2020, 1, 20)),
}
Days = tuple[date | None, date]

# (fee, subsidy, district, union) of a head by year, class, whether for half a year, and whether of a central
# enterprise; fees and subsidies from rates.csv, the rest as CENTRAL and the other district have split it.
PRICES = {
    (2020, "A", "full", False): (2600, 1300, 500, 800),
    (2020, "A", "half", False): (1300, 650, 250, 400),
    (2020, "B", "full", False): (9000, 4000, 2000, 3000),
    (2020, "B", "half", False): (4500, 2000, 1000, 1500),
    (2020, "A", "full", True): (2600, 650, 950, 1000),
    (2020, "A", "half", True): (1300, 300, 500, 500),
    (2020, "B", "full", True): (9000, 2250, 3000, 3750),
    (2020, "B", "half", True): (4500, 1100, 2000, 1400),
    (2019, "A", "half", False): (1200, 600, 300, 300),
    (2019, "B", "half", False): (3500, 1500, 1000, 1000),
}
Money = tuple[int, int, int, int]

STANDING = frozenset({"submitted", "basket", "in_batch"})
HELD = frozenset({"reviewing", "passed", "written_off"})
JUST_ISSUED, INSTANT_PAYMENT = timedelta(days=30), timedelta(days=30)


@dataclass
class Person:
    """Whose member somebody is, and since when with a card."""

    union: int | None
    numbered_on: date | None = None
    version: int = 1


@dataclass
class List:
    """A union's list: its people with their first days of cover, and its money."""

    id: int
    union: int
    district: int
    way: str
    year: int
    class_code: str
    first_days: dict[int, date]
    money: Money
    submitted_at: datetime
    state: str = "submitted"
    batch: str | None = None
    paid: int = 0
    returned_at: datetime | None = None

    @property
    def scheme(self) -> str:
        """Whose calendar judges it."""
        return "centralized" if self.way == "centralized" else "instant"

    @property
    def unpaid(self) -> bool:
        """Whether its union still owes the district; of instant lists the district pays the whole."""
        return self.way == "centralized" and self.paid < self.money[3]


@dataclass
class Batch:
    """What a district submitted."""

    number: str
    district: int
    scheme: str
    year: int
    money: Money
    credit: int
    state: str = "reviewing"
    passed_on: date | None = None
    due_on: date = date.max
    received: int = 0

    @property
    def due(self) -> int:
        """What the district has to pay."""
        return self.money[2] + self.money[3] - self.credit

    @property
    def missing(self) -> int:
        """What of it has not come."""
        return self.due - self.received


@dataclass
class Movement:
    """What came to the account."""

    reference: str
    day: date
    amount: int
    batch: str | None
    outcome: str = "wrong_reference"
    counted: int = 0
    settlement: str | None = None


@dataclass
class Season:
    """Everything at one moment, and what may happen next. Times are Shanghai's."""

    now: datetime
    districts: dict[int, int]
    """Each union's."""
    central: frozenset[int]
    """Districts priced as central enterprises in 2020."""
    people: dict[int, Person]
    calendar: dict[tuple[str, int], Days] = field(
        default_factory=lambda: {(phase, 0): days for phase, days in CENTRALIZED_2020.items()}
    )
    prices: dict[tuple[int, str, str, bool], Money] = field(default_factory=lambda: dict(PRICES))
    lists: dict[int, List] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    movements: dict[str, Movement] = field(default_factory=dict)
    loaded: set[date] = field(default_factory=set)
    settled: dict[int, int] = field(default_factory=Counter)
    """Surplus of each district that two people entered."""

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return self.now.date()

    # -- calendar

    def days(self, phase: str, district: int) -> Days:
        """The district's own days, or everybody's."""
        return self.calendar.get((phase, district)) or self.calendar[phase, 0]

    def open(self, phase: str, district: int) -> bool:
        """Whether today lies in the phase, both ends included."""
        first, last = self.days(phase, district)
        return (first or date.min) <= self.today <= last

    def may_move(self, phase: str, district: int, last: date) -> bool:
        """Whether a phase's last day may become that day, for one district or (0) for all."""
        own, (first, stands) = self.calendar.get((phase, district)), self.days(phase, district)
        if last < (first or date.min) or (own is not None and own[1] == last):
            return False
        return last == stands or last >= self.today

    def move(self, phase: str, district: int, last: date) -> None:
        """Do so; batches that wait for their money go along, but for districts with days of their own."""
        alone = {one for name, one in self.calendar if name == phase and one}
        self.calendar[phase, district] = (self.days(phase, district)[0], last)
        if phase == "payment":
            for one in self.batches.values():
                mine = one.district == district or (not district and one.district not in alone)
                if mine and one.scheme == "centralized" and one.state == "passed":
                    one.due_on = last

    # -- unions

    def standing(self, year: int | None = None) -> list[List]:
        """Lists that hold their people."""
        return [one for one in self.lists.values() if one.state in STANDING and year in (None, one.year)]

    def class_of(self, union: int, year: int) -> str | None:
        """The union's class while a list of it stands."""
        return next((one.class_code for one in self.standing(year) if one.union == union), None)

    def first_day(self, way: str, year: int, person: Person) -> date | None:
        """From when a list of today covers somebody; None if not at all."""
        made = person.numbered_on
        if made is None:
            return None
        if way == "centralized":
            return date(year, 1, 1) if made <= date(year - 1, 12, 31) else None
        new = max(self.today - JUST_ISSUED, date(year, 1, 1)) <= made <= min(self.today, date(year, 12, 30))
        if new != (way == "newly_issued"):
            return None
        return (made if new else self.today) + timedelta(days=1)

    def able(self, union: int, way: str, year: int) -> dict[int, date]:
        """Who can be on a list of the union today, with the first day of cover. All cover ends with the year."""
        covered = {member for one in self.standing(year) for member in one.first_days}
        mine = {
            member: self.first_day(way, year, one)
            for member, one in self.people.items()
            if one.union == union and member not in covered
        }
        return {member: day for member, day in mine.items() if day is not None}

    def may_send(self, union: int, way: str, year: int) -> bool:
        """Whether the union is in time: its window; what the district returned after it, until the district's end."""
        if way != "centralized":
            return date(year, 1, 1) <= self.today <= date(year, 12, 30)
        district = self.districts[union]
        if self.open("union_window", district):
            return True
        first, window_end = self.days("union_window", district)
        own = [one for one in self.lists.values() if (one.union, one.way) == (union, way)]
        late = [
            one.returned_at
            for one in own
            if one.state in ("returned", "withdrawn")
            and one.returned_at is not None
            and not any(later.submitted_at >= one.returned_at for later in own)
        ]
        in_days = (first or date.min) <= self.today <= self.days("district_submission", district)[1]
        return in_days and any(one.date() > window_end for one in late)

    def price_of(self, union: int, way: str, year: int, class_code: str, first_days: Iterable[date]) -> Money:
        """Fee and shares of so many heads: half the price from 1 July, by the day before the cover of instant lists."""
        central = year == 2020 and self.districts[union] in self.central
        total = (0, 0, 0, 0)
        for day in first_days:
            full = way == "centralized" or (day - timedelta(days=1)).month <= 6
            one = self.prices[year, class_code, "full" if full else "half", central]
            total = (total[0] + one[0], total[1] + one[1], total[2] + one[2], total[3] + one[3])
        return total

    def release(self, ids: Iterable[int], state: str) -> None:
        """These lists no longer stand."""
        for one in ids:
            self.lists[one].state = state
            if state == "returned":
                self.lists[one].returned_at = self.now

    # -- districts

    def under_review(self, district: int, scheme: str, year: int) -> list[List]:
        """The lists before a district."""
        return [
            one
            for one in self.lists.values()
            if (one.district, one.scheme, one.year) == (district, scheme, year) and one.state in ("submitted", "basket")
        ]

    def credit(self, district: int) -> int:
        """What earlier years gave back and nobody has used: of void and returned batches it is free again."""
        kept = sum(
            one.amount - one.counted
            for one in self.movements.values()
            if one.settlement == "credited" and self.batches[one.batch or ""].district == district
        )
        used = sum(one.credit for one in self.batches.values() if one.district == district and one.state in HELD)
        return self.settled[district] + kept - used

    def submit(self, number: str, district: int, scheme: str, year: int) -> Batch:
        """The basket's paid lists become a batch."""
        taken = [one for one in self.under_review(district, scheme, year) if one.state == "basket" and not one.unpaid]
        money = (0, 0, 0, 0)
        for one in taken:
            one.state, one.batch = "in_batch", number
            money = (
                money[0] + one.money[0],
                money[1] + one.money[1],
                money[2] + one.money[2],
                money[3] + one.money[3],
            )
        credit = min(self.credit(district), money[2] + money[3]) if scheme == "centralized" else 0
        self.batches[number] = Batch(number, district, scheme, year, money, credit)
        return self.batches[number]

    # -- the centre

    def due_day(self, batch: Batch) -> date:
        """The last day of payment of a batch passed today."""
        return (
            self.days("payment", batch.district)[1] if batch.scheme == "centralized" else self.today + INSTANT_PAYMENT
        )

    def give_up(self, batch: Batch, state: str) -> None:
        """Returned or void. After the campaign's days a returned batch's lists have nowhere to go."""
        mine = [one for one in self.lists.values() if one.state == "in_batch" and one.batch == batch.number]
        lapsed = batch.scheme == "centralized" and self.today > self.days("district_submission", batch.district)[1]
        if state == "voided" or lapsed:
            self.release((one.id for one in mine), "voided")
        else:
            for one in mine:
                one.state, one.batch = "submitted", None
        if state == "voided":
            for movement in self.movements.values():
                if movement.batch == batch.number:
                    movement.counted = 0
        batch.state = state

    def judge(self, number: str | None, day: date, amount: int) -> tuple[str, int]:
        """What a movement is to a batch, and how much of it counts."""
        batch = self.batches.get(number or "")
        if batch is None or batch.state in ("reviewing", "returned"):
            return "wrong_reference", 0
        if batch.state == "voided":
            return "late", 0
        if batch.missing == 0:
            return "twice", 0
        if day > batch.due_on:
            return "late", 0
        if amount == batch.missing:
            return "exact", amount
        return ("short", amount) if amount < batch.missing else ("over", batch.missing)

    def count(self, movement: Movement, outcome: str, counted: int) -> None:
        """It pays that much of its batch; what was short of it is no matter once all is there."""
        movement.outcome, movement.counted = outcome, counted
        batch = self.batches.get(movement.batch or "")
        if outcome == "wrong_reference" or batch is None:
            movement.batch = None
            return
        batch.received += counted
        if counted and batch.missing == 0:
            for one in self.movements.values():
                if one.batch == batch.number and one.outcome == "short" and one.settlement is None:
                    one.settlement = "attached"

    def load(self, days: Sequence[date], movements: Iterable[Movement]) -> Counter[str]:
        """A statement of these days; how many movements came out as what."""
        self.loaded |= set(days)
        outcomes: Counter[str] = Counter()
        for one in sorted(movements, key=lambda one: (one.day, one.reference)):
            self.movements[one.reference] = one
            self.count(one, *self.judge(one.batch, one.day, one.amount))
            outcomes[one.outcome] += 1
        return outcomes

    def must_be_void(self, batch: Batch) -> bool:
        """Whether it is known that nobody paid in time: all days since it was passed are in, no movement unclaimed."""
        if batch.state != "passed" or not batch.missing or self.today <= batch.due_on or batch.passed_on is None:
            return False
        days = {batch.passed_on + timedelta(days=n) for n in range((batch.due_on - batch.passed_on).days + 1)}
        unclaimed = {
            one.day for one in self.movements.values() if one.outcome == "wrong_reference" and one.settlement is None
        }
        return days <= self.loaded and not days & unclaimed

    # -- what must be seen

    def cover(self, member: int, day: date) -> str | None:
        """What somebody's cover on a day is worth."""
        for one in self.standing(day.year):
            if member in one.first_days and day >= one.first_days[member]:
                if one.batch is None:
                    return "reviewing"
                return "definite" if self.batches[one.batch].state == "written_off" else "provisional"
        return None

    def accounts(self) -> dict[str, int]:
        """What must lie in each district's accounts, those with nothing left out; debits are positive."""
        found: Counter[tuple[str, int]] = Counter()
        for batch in self.batches.values():
            if batch.state in ("passed", "written_off"):
                found["district_receivable", batch.district] += batch.missing
                found["subsidy_receivable", batch.district] += batch.money[1]
                found["premiums", batch.district] -= batch.money[0]
                found["district_credit", batch.district] += batch.credit
        for district, surplus in self.settled.items():
            found["settlement", district] += surplus
            found["district_credit", district] -= surplus
        for one in self.movements.values():
            district = self.batches[one.batch].district if one.batch else 0
            rest = one.amount - one.counted
            found["cash", district] += one.counted if one.settlement == "refunded" else one.amount
            if one.settlement == "credited":
                found["district_credit", district] -= rest
            elif one.settlement != "refunded":
                found["refunds_due", district] -= rest
        return {f"{account} {district}": amount for (account, district), amount in found.items() if amount}
