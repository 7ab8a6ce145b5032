"""The demo's season: the 2020 campaign from the fee splits in October to the last write-off in February.

One unit comes too late, one list is returned and mended, one district pays short and then the rest, one does not pay
at all and its batch is void; afterwards those without cover are enrolled at once.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime

from unioncard.dates import SHANGHAI
from unioncard.money import Fen, format_yuan
from unioncard_cli.demo import money
from unioncard_cli.demo.screen import Screen, console
from unioncard_cli.operators import Operator, Refusal, until
from unioncard_cli.place import StackError
from unioncard_cli.roster import Trait, make_roster
from unioncard_cli.scenery import District, Scenery
from unioncard_cli.season.acts import CentreDesk, DistrictDesk, Movement, UnionDesk
from unioncard_cli.season.cards import give_cards
from unioncard_cli.season.clock import StackClock
from unioncard_cli.season.opening import load_rules, open_campaign, wait_for_cards
from unioncard_cli.season.shares import CENTRAL_SHARES, SHARES, SHARES_2019
from unioncard_cli.season.voucher import png
from unioncard_cli.story import CardStory

EVE = date(2019, 10, 24)
SPEED = 400_000.0
SHORT_FEN = 10_00
LAST_YEAR, LAST_CLASS = 2019, "B"

SHORT = District("802", "样本区总工会", unions=1)
UNPAID = District("803", "演示区总工会", unions=1)
CENTRAL = District("502", "示例铁路工会", unions=1, kind="industry")
OTHERS = (SHORT, UNPAID, CENTRAL)

_CLASSES = {SHORT: "B", UNPAID: "A+", CENTRAL: "B+"}
_HEADS = {SHORT: 20, UNPAID: 15, CENTRAL: 10}
_LATE_HEADS = 12


@dataclass(slots=True)
class Season:
    """Everybody who takes part. ``main`` is the union of the card story, ``late`` the one beside it."""

    scene: Scenery
    clock: StackClock
    home: District
    main: int
    late: int
    seed: int
    _references: int = 0
    _numbers: dict[str, str] = field(default_factory=dict)
    _operators: dict[str, Operator] = field(default_factory=dict)

    # -- before ------------------------------------------------------------------------------------------------

    def can_be_played(self) -> bool:
        """Whether this stack's clock still stands before the season."""
        return bool(self.clock.segments) and self.clock.today() <= EVE

    def prepare(self, pool: ThreadPoolExecutor) -> list[Future[None]]:
        """Beside the card story, the other unions get their cards."""
        places = [(one, 1, _HEADS[one]) for one in OTHERS] + [(self.home, self.late, _LATE_HEADS)]
        jobs = []
        for place, (district, number, heads) in enumerate(places):
            people = make_roster(self.seed + 100_000 * (place + 1), [Trait.ORDINARY] * heads)
            story = CardStory(
                self.scene.union(district, number),
                self.scene.district(district),
                self.scene.stack.place.url("sandbox"),
                today=self.clock.today,
            )
            jobs.append(pool.submit(give_cards, story, people))
        return jobs

    # -- the story ---------------------------------------------------------------------------------------------

    def play(self, screen: Screen) -> bool:
        """From October to February; True when the money is as worked out by hand."""
        self._open(screen)
        self._last_year(screen)
        self._unions_submit(screen)
        self._window_closes(screen)
        self._districts_submit(screen)
        self._money_moves(screen)
        self._last_day_passes(screen)
        self._instant(screen)
        return self._reckon()

    def _open(self, screen: Screen) -> None:
        with screen.step(
            "10月25日 活动按日程开启，区局设置缴费比例 (the schedule opens the campaign; fee splits)"
        ) as said:
            said.append(load_rules(self.scene.stack))
            wait_for_cards(self.scene.federation())
            self.go("2019-10-25T00:10")
            open_campaign(self.scene.stack, self.scene.federation())
            for district in (self.home, *OTHERS):
                self.district(district).split(CENTRAL_SHARES if district is CENTRAL else SHARES)
            said.append("4 个区局各设置 8 项：四个档次，全年与半年；央企补贴不同")

    def _last_year(self, screen: Screen) -> None:
        with screen.step(
            "10月28日 新办卡的会员即时参加2019年度保障 (newly issued cards: cover to 31 December)"
        ) as said:
            self.go("2019-10-28T09:00")
            union, district = (
                UnionDesk(self.union(self.home, self.late).operator, LAST_YEAR),
                DistrictDesk(self.district(self.home).operator, LAST_YEAR),
            )
            self._reopen_splits()
            district.split(SHARES_2019)
            union.submit("newly_issued", LAST_CLASS)
            said.append(self._to_the_centre(self.home, "instant", district))
            paid = [self._transfer(self.home)]
            self.go("2019-10-29T09:00")
            said += self._reconcile(date(2019, 10, 28), paid)

    def _reopen_splits(self) -> None:
        """The window of 2019 is over: the federation opens it again for this district, with two pairs of eyes."""
        district = self.district(self.home).operator.get("member", "/me")["organisation"]["id"]
        change = {
            "kind": "calendar",
            "scheme": "centralized",
            "coverage_year": LAST_YEAR,
            "phase": "fee_split",
            "district_id": district,
            "first_day": "2019-10-28",
            "last_day": "2019-10-31",
        }
        first, second = self.scene.federation(), self.scene.second_federation()
        proposal = {"change": change, "reason": "区局补办2019年度缴费设置"}
        proposed = first.post("insurance", "/rule-changes", proposal)
        second.post("insurance", f"/rule-changes/{proposed['id']}/decision", {"approve": True})

    def _unions_submit(self, screen: Screen) -> None:
        with screen.step("11月1日 基层工会确认名单并提交 (unions preview and submit)") as said:
            self.go("2019-11-01T09:00")
            main = self.union(self.home, self.main)
            seen = main.preview("centralized", "A")
            said.append(
                f"预览：{seen['heads']} 人，保费 {_yuan(seen['fee_fen'])}，其中市总补贴 "
                f"{_yuan(seen['subsidy_fen'])}、区局 {_yuan(seen['district_fen'])}、"
                f"基层 {_yuan(seen['union_fen'])}"
            )
            main.submit("centralized", "A")
            first = {one: self.union(one, 1).submit("centralized", _CLASSES[one]) for one in OTHERS}
        with screen.step("11月20日 一份名单被退回，改正后重新提交 (a list is returned, mended and sent again)") as said:
            self.go("2019-11-20T10:00")
            reason = "名单中有一人已调离，请核对后重新提交"
            self.district(SHORT).return_list("centralized", first[SHORT]["id"], reason)
            union = self.union(SHORT, 1)
            mended = union.submit("centralized", _CLASSES[SHORT], union.candidates("centralized")[:-1])
            said.append(f"退回 {first[SHORT]['heads']} 人：{reason}；重新提交 {mended['heads']} 人")

    def _window_closes(self, screen: Screen) -> None:
        with screen.step(
            "12月27日 基层工会缴费；28日零时起不再受理 (unions pay; from midnight it is too late)"
        ) as said:
            self.go("2019-12-27T16:00")
            for district in (self.home, *OTHERS):
                desk = self.district(district)
                paid = desk.record_payments(desk.lists("centralized"), self.clock.today())
                said.append(f"{district.name}：登记基层缴费 {_yuan(paid)}")
            self.go("2019-12-28T00:00:00")
            said.append(f"逾期的工会：{self._too_late()}")

    def _too_late(self) -> str:
        try:
            self.union(self.home, self.late).submit("centralized", "A")
        except Refusal as refusal:
            return f"{refusal.problem['title']}。{refusal.problem['detail']}"
        raise StackError("a list was taken in after the union window", "report it")

    def _districts_submit(self, screen: Screen) -> None:
        with screen.step("12月28日 区局提交市职保中心，中心审核通过 (districts submit; the centre passes)") as said:
            self.go("2019-12-28T09:00")
            for district in (self.home, *OTHERS):
                said.append(self._to_the_centre(district, "centralized"))

    def _to_the_centre(self, district: District, scheme: str, desk: DistrictDesk | None = None) -> str:
        desk = desk or self.district(district)
        desk.accept_all(scheme)
        batch = desk.submit(scheme)
        self._numbers[district.code] = batch["number"]
        self.centre().pass_batch(batch["number"])
        return f"{district.name}：批次 {batch['number']}，{batch['heads']} 人，应缴 {_yuan(batch['due_fen'])}"

    def _money_moves(self, screen: Screen) -> None:
        with screen.step("1月10日 三个区局转账，一个少了十元 (three districts pay, one of them short)") as said:
            self.go("2020-01-10T10:00")
            paid = [self._transfer(one) for one in (self.home, CENTRAL)]
            paid.append(self._transfer(SHORT, less=SHORT_FEN))
            self.go("2020-01-11T09:00")
            said += self._reconcile(date(2019, 12, 28), paid)
        with screen.step("1月15日 补足差额 (a second transfer settles it)") as said:
            self.go("2020-01-15T10:00")
            rest = [self._movement(SHORT, SHORT_FEN)]
            self.go("2020-01-16T09:00")
            said += self._reconcile(date(2020, 1, 11), rest)

    def _last_day_passes(self, screen: Screen) -> None:
        with screen.step(
            "1月20日 仍未缴费：最后一日对账后批次作废 (unpaid: void once the last day is reconciled)"
        ) as said:
            self.go("2020-01-21T09:00")
            said += self._reconcile(date(2020, 1, 16), [])
            number = self._numbers[UNPAID.code]
            batch = until(
                f"the end of {number}",
                lambda: self.centre().batch(number),
                lambda seen: seen["state"] == "voided",
                60,
            )
            said.append(f"{number}：{batch['void_reason']}")

    def _instant(self, screen: Screen) -> None:
        late = (self.home, UNPAID)
        with screen.step("2月3日 无保障的会员即时参保 (instant enrolment of those without cover)") as said:
            self.go("2020-02-03T09:00")
            self.union(self.home, self.late).submit("no_cover", "A")
            member = self.union(UNPAID, 1).candidates("no_cover")[0]
            self.union(UNPAID, 1).submit("no_cover", _CLASSES[UNPAID])
            said += [self._to_the_centre(one, "instant") for one in late]
            self.go("2020-02-05T10:00")
            paid = [self._transfer(one) for one in late]
            self.go("2020-02-06T09:00")
            said += self._reconcile(date(2020, 1, 21), paid)
            for day in (date(2020, 1, 10), date(2020, 2, 3), date(2020, 2, 4)):
                cover = self.union(UNPAID, 1).covered(member, day)
                said.append(f"作废批次中的一名会员，{day}：{'有保障' if cover['covered'] else '无保障'}")

    def _reckon(self) -> bool:
        found = money.as_found(self.centre().batches())
        console.print()
        console.print(money.table(found))
        return found == money.BY_HAND

    # -- in short, also for what follows the season ------------------------------------------------------------

    def go(self, when: str, speed: float = SPEED) -> None:
        """Let business time pass until then, in Shanghai."""
        self.clock.advance(datetime.fromisoformat(when).replace(tzinfo=SHANGHAI), speed)

    def _transfer(self, district: District, less: int = 0) -> Movement:
        """The district pays its batch and uploads the slip."""
        number = self._numbers[district.code]
        movement = self._movement(district, self.centre().batch(number)["due_fen"] - less)
        self.district(district).upload_voucher(number, png(self._references))
        return movement

    def _movement(self, district: District, amount_fen: int) -> Movement:
        self._references += 1
        today, number = self.clock.today(), self._numbers[district.code]
        return Movement(
            f"{today:%Y%m%d}-{self._references:04d}", today, amount_fen, district.name, f"会员保障 {number}"
        )

    def _reconcile(self, first: date, movements: Sequence[Movement]) -> list[str]:
        """Statements from ``first`` to yesterday, then everything that is paid is written off."""
        last = date.fromordinal(self.clock.today().toordinal() - 1)
        found = self.centre().load_statement(first, last, movements)
        outcomes = "、".join(f"{_OUTCOMES[outcome]} {count}" for outcome, count in found.items()) or "没有流水"
        written_off = self.centre().write_off_paid()
        return [f"对账单 {first} 至 {last}：{outcomes}", f"核销 {len(written_off)} 个批次"]

    def union(self, district: District, number: int) -> UnionDesk:
        """The operator of a union."""
        return UnionDesk(self.known(f"{district.code}/{number}", lambda: self.scene.union(district, number)))

    def district(self, district: District) -> DistrictDesk:
        """The operator of a district."""
        return DistrictDesk(self.known(district.code, lambda: self.scene.district(district)))

    def centre(self) -> CentreDesk:
        """Both people at the centre."""
        reviewer = self.known("reviewer", self.scene.centre_reviewer)
        return CentreDesk(reviewer, self.known("payer", self.scene.centre_payer))

    def known(self, who: str, come: Callable[[], Operator]) -> Operator:
        """Who has logged in once stays logged in."""
        if who not in self._operators:
            self._operators[who] = come()
        return self._operators[who]


def _yuan(fen: int) -> str:
    return format_yuan(Fen(fen))


_OUTCOMES = {
    "exact": "相符",
    "short": "少缴",
    "over": "多缴",
    "twice": "重复",
    "late": "逾期",
    "wrong_reference": "无法对应",
}


def say_over(clock: StackClock) -> bool:
    """This stack's season is over, or it never had one: how to see one. Nothing is wrong with that: True."""
    console.print(
        f"\nThe season needs a stack whose business clock stands on {EVE}; this one's is on {clock.today()}. "
        "For a season: make down, remove the stack's state folder, make demo."
    )
    return True
