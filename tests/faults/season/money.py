"""After midnight: both reviews, vouchers, statements, write-off and voids, until the campaign ends."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.faults.season.ground import SeasonGround, Union
from tests.faults.season.plan import DATES, DISTRICTS, Kind, Payment, SeasonPlan
from tests.faults.season.witness import Sent
from unioncard.dates import shanghai_date
from unioncard_cli.operators import until
from unioncard_cli.season.acts import SCHEME, CentreDesk, DistrictDesk, Movement
from unioncard_cli.season.dates import at
from unioncard_cli.season.voucher import png

Begin = Callable[[str], None]
PATIENCE_S = 150.0
PART_FEN, TOO_MUCH_FEN = 10_00, 5_00
REASON = "名单有误，请核对后重新提交"


@dataclass(slots=True)
class District:
    """One district's season: what it was told, and what it paid."""

    place: int
    name: str
    desk: DistrictDesk
    payment: Payment
    unions: Sequence[Union]
    returned: list[int] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    returned_batches: list[str] = field(default_factory=list)
    owed_fen: int = 0


@dataclass(slots=True)
class Money:
    """Carries it out, and remembers what was told: ``told`` are acts by their name in the audit log."""

    ground: SeasonGround
    plan: SeasonPlan
    unions: Sequence[Union]
    begin: Begin
    sent: list[Sent]
    districts: list[District] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    written_off: list[str] = field(default_factory=list)
    _centre: CentreDesk | None = None

    def play(self) -> None:
        """All of it; raises what goes wrong."""
        self._enter()
        self._each(self._return_and_mend)
        self._each(self._pay_and_submit)
        self._review()
        self._each(self._upload)
        self._pay(DATES.payment_last - timedelta(days=10))
        self._pay(DATES.payment_last)
        self._pay_too_late()
        self._end()

    @property
    def centre(self) -> CentreDesk:
        """The mutual-aid centre."""
        if self._centre is None:
            self._centre = self.ground.centre(self.plan)
        return self._centre

    def _enter(self) -> None:
        for place, desk in enumerate(self.ground.district_desks(self.plan)):
            unions = [one for one in self.unions if one.plan.district == place]
            name = self.ground.districts[place].name
            self.districts.append(District(place, name, desk, self.plan.payments[place], unions))
        self._move(DATES.submission_first, "09:00")

    def _each(self, act: Callable[[District], None]) -> None:
        with ThreadPoolExecutor(DISTRICTS) as pool:
            list(pool.map(act, self.districts))

    def _move(self, day: date, clock: str) -> None:
        self.begin(f"the clock moves to {day} {clock}")
        self.ground.clock.move(at(day, clock))

    # -- the district -------------------------------------------------------------------------------------------

    def _return_and_mend(self, one: District) -> None:
        """The first list of one union comes back, and goes out again without its last member."""
        union = next(union for union in one.unions if union.plan.is_returned)
        lists = [row for row in one.desk.lists(SCHEME) if row["union_id"] == union.id]
        if not lists:
            return
        self.begin(f"{one.name}: return list {lists[0]['id']}")
        one.desk.return_list(SCHEME, lists[0]["id"], REASON)
        one.returned.append(lists[0]["id"])
        rows = union.operator.pages("insurance", f"/enrolments/{lists[0]['id']}/members")
        members = [row["member_id"] for row in rows][:-1]
        mended = union.sent(Kind.MENDED, "mended", members)
        self.begin(f"{union.operator.login}: mend it")
        self.sent.append(mended)
        union.operator.submit(mended)

    def _pay_and_submit(self, one: District) -> None:
        paying = {union.id for union in one.unions if union.plan.pays}
        self.begin(f"{one.name}: record payments")
        lists = [row for row in one.desk.lists(SCHEME) if row["union_id"] in paying]
        if one.desk.record_payments(lists, shanghai_date(self.ground.clock.now())):
            self.told.append("union-payments.recorded")
        self._submit(one)

    def _submit(self, one: District) -> None:
        self.begin(f"{one.name}: all into the basket")
        one.desk.accept_all(SCHEME)
        self.begin(f"{one.name}: submit")
        one.batches.append(one.desk.submit(SCHEME)["number"])

    def _upload(self, one: District) -> None:
        self.begin(f"{one.name}: voucher")
        one.desk.upload_voucher(one.batches[-1], png(one.place))
        self.told.append("batch.voucher")

    # -- the centre ---------------------------------------------------------------------------------------------

    def _review(self) -> None:
        """One batch goes back to its district and comes again; all the others pass at once."""
        for one in self.districts:
            number = one.batches[-1]
            if one.place == self.plan.centre_returns:
                self.begin(f"centre: return {number}")
                self.centre.return_batch(number, REASON)
                one.returned_batches.append(number)
                self._submit(one)
            number = one.batches[-1]
            self.begin(f"centre: pass {number}")
            one.owed_fen = int(self.centre.pass_batch(number)["due_fen"])
        self._move(date(DATES.year, 1, 1), "09:00")

    def _pay(self, until_day: date) -> None:
        """What comes up to that day, on the next morning's statement; what is paid is written off."""
        for one in self.districts:
            if amount := _amount(one, last=until_day == DATES.payment_last):
                number = one.batches[-1]
                reference = f"{number[2:]}-{until_day:%m%d}"
                self.movements.append(Movement(reference, until_day, amount, one.name, f"会员保障 {number}"))
        first = DATES.submission_first if until_day < DATES.payment_last else until_day - timedelta(days=9)
        self._load(first, until_day)
        self._write_off()

    def _pay_too_late(self) -> None:
        day = DATES.payment_last + timedelta(days=1)
        for one in self.districts:
            if one.payment is Payment.LATE:
                number = one.batches[-1]
                self.movements.append(Movement(f"{number[2:]}-late", day, one.owed_fen, one.name, f"会员保障 {number}"))
        self._load(day, day)

    def _load(self, first: date, last: date) -> None:
        self._move(last + timedelta(days=1), "09:00")
        lines = [one for one in self.movements if first <= one.day <= last]
        self.begin(f"centre: statement {first} to {last}, {len(lines)} lines")
        self.centre.load_statement(first, last, lines)
        self.told.append("statement.loaded")

    def _write_off(self) -> None:
        """All that is paid; two click at once, and somebody names them once more."""
        self.begin("centre: write off")
        desks = self.centre, self.ground.centre(self.plan)
        with ThreadPoolExecutor(len(desks)) as pool:
            jobs = [pool.submit(desk.write_off_paid) for desk in desks]
            numbers = [number for job in jobs for number in job.result()]
        self.written_off += numbers
        if numbers:
            self.begin(f"centre: write off {len(numbers)} again")
            again = self.centre.payer.post("insurance", "/premium-batches/write-offs", {"numbers": sorted(numbers)})
            self.written_off += again["numbers"]

    def _end(self) -> None:
        """What is unpaid is void, and the campaign ends."""
        federation = self.ground.federation()
        self.begin("wait for voids")
        until(
            "unpaid batches to be void",
            self.centre.batches,
            lambda found: all(row["state"] not in ("reviewing", "passed") for row in found),
            PATIENCE_S,
        )
        self._move(DATES.payment_last + timedelta(days=5), "09:00")
        self.begin("wait for the campaign's end")
        path = f"/campaigns/{SCHEME}/{DATES.year}"
        until("the campaign's end", lambda: federation.get("insurance", path)["state"], "closed".__eq__, PATIENCE_S)
        for operator in self.ground.hasty:
            operator.repeat_the_rest()


def _amount(one: District, *, last: bool) -> int:
    """What a district transfers by that day, in fen."""
    match one.payment, last:
        case Payment.EXACT, False:
            return one.owed_fen
        case Payment.OVER, False:
            return one.owed_fen + TOO_MUCH_FEN
        case Payment.IN_PARTS, False:
            return PART_FEN
        case Payment.IN_PARTS, True:
            return one.owed_fen - PART_FEN
        case _:
            return 0
