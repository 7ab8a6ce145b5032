"""A rehearsal: the plan carried out by many hands at once, moment after moment of business time."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from unioncard.money import Fen, format_yuan
from unioncard_cli.operators import until
from unioncard_cli.season.acts import Movement
from unioncard_cli.season.dates import Dates, at
from unioncard_cli.season.journal import PAYING, SPLIT, SUBMISSION, WINDOW, WINDOW_AGAIN, Journal
from unioncard_cli.season.opening import open_campaign
from unioncard_cli.season.people import Cast
from unioncard_cli.season.plan import DistrictHabit, Plan, UnionHabit, UnionPlan
from unioncard_cli.season.voucher import png

Act = Callable[[], object]
SHORT_FEN = 10_00
HANDS = 12


class Rehearsal:
    """One season. :meth:`moments` is its timetable, :meth:`play` goes through it."""

    def __init__(self, cast: Cast, shares: Any, speed: float, say: Callable[[str], None]) -> None:
        self._cast, self._shares, self._speed, self._say = cast, shares, speed, say
        self._plan: Plan = cast.plan
        self._dates: Dates = cast.plan.dates
        self._journal: Journal = cast.journal
        self._lists: dict[UnionPlan, dict[str, Any]] = {}
        self._batches: dict[str, int] = {}
        self._coming: list[Movement] = []
        self._reconciled_until = self._dates.submission_first - timedelta(days=1)

    def play(self) -> None:
        """From the fee splits to the last write-off."""
        with ThreadPoolExecutor(HANDS) as pool:
            for moment, acts in sorted(self.moments().items()):
                self._cast.clock.advance(moment, self._speed)
                before = len(self._journal.entries)
                for job in [pool.submit(act) for act in acts]:
                    job.result()
                done = self._journal.entries[before:]
                refused = sum(1 for one in done if one.refused)
                self._say(f"{moment:%Y-%m-%d %H:%M}  办理 {len(done)} 件，其中不予受理 {refused} 件")

    def moments(self) -> dict[datetime, list[Act]]:
        """The timetable: what happens at which instant. Acts of one instant go on side by side."""
        found: dict[datetime, list[Act]] = defaultdict(list)
        self._opening(found)
        self._unions(found)
        self._districts(found)
        self._money(found)
        self._instant(found)
        return found

    # -- the timetable -----------------------------------------------------------------------------------------

    def _opening(self, found: dict[datetime, list[Act]]) -> None:
        found[at(self._dates.split_first, "00:10")].append(self._open)
        for place in range(len(self._plan.districts)):
            found[at(self._dates.split_first, "09:00")].append(partial(self._split, place))

    def _unions(self, found: dict[datetime, list[Act]]) -> None:
        for one in self._plan.unions:
            found[one.submits_at].append(partial(self._submit, one))
            if one.returned_at is not None and one.again_at is not None:
                found[one.returned_at].append(partial(self._return, one))
                found[one.again_at].append(partial(self._mend, one))

    def _districts(self, found: dict[datetime, list[Act]]) -> None:
        """Twice: on the first day of submission, and on the last for what was mended late."""
        dates = self._dates
        for place in range(len(self._plan.districts)):
            for day in (dates.submission_first, dates.submission_last):
                found[at(day, "08:30")].append(partial(self._record_payments, place))
                found[at(day, "09:30")].append(partial(self._to_the_centre, place, "centralized"))
            too_late = at(dates.submission_last + timedelta(days=1), "00:00")
            found[too_late].append(partial(self._to_the_centre, place, "centralized", in_time=False))
        for day in (dates.submission_first, dates.submission_last):
            found[at(day, "15:00")].append(self._pass_all)
        found[at(dates.union_payment_last + timedelta(days=1), "09:00")] += [
            partial(self._pay_too_late, one) for one in self._plan.unions if one.habit is UnionHabit.UNPAID
        ]

    def _money(self, found: dict[datetime, list[Act]]) -> None:
        last = self._dates.payment_last
        pays = {
            DistrictHabit.PROMPT: [(last - timedelta(days=14), 0)],
            DistrictHabit.SHORT: [(last - timedelta(days=10), -SHORT_FEN), (last - timedelta(days=3), SHORT_FEN)],
            DistrictHabit.LAST_DAY: [(last, 0)],
            DistrictHabit.LATE: [(last + timedelta(days=1), 0)],
            DistrictHabit.UNPAID: [],
        }
        for place, habit in enumerate(self._plan.districts):
            for day, fen in pays[habit]:
                found[at(day, "10:00")].append(partial(self._transfer, place, fen))
        for day in (last - timedelta(days=9), last - timedelta(days=2), last + timedelta(days=1), last + timedelta(2)):
            found[at(day, "09:00")].append(self._reconcile)
        found[at(last + timedelta(days=2), "12:00")].append(self._see_voided)

    def _instant(self, found: dict[datetime, list[Act]]) -> None:
        first = self._dates.payment_last + timedelta(days=14)
        without = [one for one in self._plan.unions if self._without_cover(one)]
        for one in without:
            found[at(first, "09:00")].append(partial(self._enrol_at_once, one))
        for place in sorted({one.district for one in without}):
            found[at(first, "11:00")].append(partial(self._to_the_centre, place, "instant"))
            found[at(first + timedelta(days=2), "10:00")].append(partial(self._transfer, place, 0))
        found[at(first, "15:00")].append(self._pass_all)
        found[at(first + timedelta(days=3), "09:00")].append(self._reconcile)
        found[at(first + timedelta(days=5), "09:00")].append(self._see_closed)

    def _without_cover(self, one: UnionPlan) -> bool:
        """Late, not paid for, or in a batch that will be void: enrolled at once in the new year."""
        lost = (DistrictHabit.UNPAID, DistrictHabit.LATE)
        return one.habit in (UnionHabit.LATE, UnionHabit.UNPAID) or self._plan.districts[one.district] in lost

    # -- the acts ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        def do() -> str:
            open_campaign(self._cast.stack, self._cast.federation(), self._dates.year)
            return "活动已开启"

        self._journal.act("市总工会", "开启集中参保", do)

    def _split(self, place: int) -> None:
        def do() -> str:
            self._cast.district(place).split(self._shares)
            return f"{len(self._shares)} 项"

        self._journal.act(self._name(place), "基层缴费设置", do, deadline=SPLIT, in_time=True)

    def _submit(self, one: UnionPlan) -> None:
        def do() -> str:
            desk = self._cast.union(one)
            desk.preview("centralized", one.class_code)
            self._lists[one] = desk.submit("centralized", one.class_code)
            return f"{one.class_code} 档 {self._lists[one]['heads']} 人"

        in_time = one.habit is not UnionHabit.LATE
        self._journal.act(self._cast.name(one), "提交名单", do, deadline=WINDOW, in_time=in_time)

    def _return(self, one: UnionPlan) -> None:
        def do() -> str:
            reason = "名单中有一人已调离，请核对后重新提交"
            self._cast.district(one.district).return_list("centralized", self._lists[one]["id"], reason)
            return reason

        self._journal.act(self._name(one.district), f"退回{self._cast.name(one)}的名单", do)

    def _mend(self, one: UnionPlan) -> None:
        def do() -> str:
            desk = self._cast.union(one)
            everybody = desk.candidates("centralized")
            self._lists[one] = desk.submit("centralized", one.class_code, everybody[:-1] or everybody)
            return f"{one.class_code} 档 {self._lists[one]['heads']} 人"

        self._journal.act(self._cast.name(one), "改正后重新提交", do, deadline=WINDOW_AGAIN, in_time=True)

    def _record_payments(self, place: int) -> None:
        unpaid = {
            known["union_id"]
            for one, known in self._lists.items()
            if one.habit is UnionHabit.UNPAID and one.district == place
        }

        def do() -> str:
            desk = self._cast.district(place)
            lists = [one for one in desk.lists("centralized") if one["union_id"] not in unpaid]
            return f"{_yuan(desk.record_payments(lists, self._cast.clock.today()))} 元"

        self._journal.act(self._name(place), "登记基层缴费", do, deadline=PAYING, in_time=True)

    def _pay_too_late(self, one: UnionPlan) -> None:
        def do() -> str:
            desk = self._cast.district(one.district)
            return f"{_yuan(desk.record_payments([self._lists[one]], self._cast.clock.today()))} 元"

        who = self._name(one.district)
        self._journal.act(who, f"补记{self._cast.name(one)}的缴费", do, deadline=PAYING, in_time=False)

    def _to_the_centre(self, place: int, scheme: str, *, in_time: bool = True) -> None:
        """Submit what there is. A second submission is made only when something was mended since."""
        desk = self._cast.district(place)
        if in_time and not any(self._ready(one) for one in desk.lists(scheme)):
            return

        def do() -> str:
            desk.accept_all(scheme)
            batch = desk.submit(scheme)
            self._batches[batch["number"]] = place
            return f"批次 {batch['number']}，{batch['heads']} 人，应缴 {_yuan(batch['due_fen'])} 元"

        deadline = SUBMISSION if scheme == "centralized" else None
        self._journal.act(
            self._name(place), "提交市职保中心", do, deadline=deadline, in_time=in_time if deadline else None
        )

    @staticmethod
    def _ready(one: dict[str, Any]) -> bool:
        return not one["unpaid"] or one["way"] != "centralized"

    def _pass_all(self) -> None:
        for batch in [one for one in self._cast.centre().batches() if one["state"] == "reviewing"]:
            number = batch["number"]
            self._journal.act("市职保中心", f"审核批次 {number}", partial(self._pass, number))

    def _pass(self, number: str) -> str:
        return f"通过，缴费截止 {self._cast.centre().pass_batch(number)['due_on']}"

    def _transfer(self, place: int, fen: int) -> None:
        """The district pays its open batches: all of it, ``fen`` less where negative, or just ``fen``."""
        centre, desk, today = self._cast.centre(), self._cast.district(place), self._cast.clock.today()
        open_ones = [one for one in centre.batches() if self._batches.get(one["number"]) == place]
        for batch in [one for one in open_ones if one["state"] == "passed"]:
            number = batch["number"]
            amount = fen if fen > 0 else batch["due_fen"] - batch["received_fen"] + fen
            fen = 0  # the others are paid in full

            def do(number: str = number, amount: int = amount) -> str:
                desk.upload_voucher(number, png(len(self._coming) + place))
                reference = f"{today:%Y%m%d}-{number[2:]}-{amount}"
                name = self._name(place)
                self._coming.append(Movement(reference, today, amount, name, f"会员保障 {number}"))
                return f"{_yuan(amount)} 元"

            late = today > self._dates.payment_last and batch["scheme"] == "centralized"
            what = f"为批次 {number} 转账并上传凭证"
            self._journal.act(self._name(place), what + ("（逾期）" if late else ""), do)

    def _reconcile(self) -> None:
        """Statements up to yesterday, then all that is paid is written off."""
        centre = self._cast.centre()
        last = self._cast.clock.today() - timedelta(days=1)
        first = self._reconciled_until + timedelta(days=1)
        lines = [one for one in self._coming if one.day <= last]

        def load() -> str:
            found = centre.load_statement(first, last, lines)
            return f"{first} 至 {last}：" + (
                "、".join(f"{_OUTCOMES[k]} {n} 笔" for k, n in found.items()) or "没有流水"
            )

        if self._journal.act("市职保中心", "导入对账单", load):
            self._reconciled_until = last
            self._coming = [one for one in self._coming if one not in lines]
        self._journal.act("市职保中心", "核销", lambda: f"{len(centre.write_off_paid())} 个批次")

    def _see_voided(self) -> None:
        """What the last day left unpaid is void as soon as its workflow has had it judged."""
        centre = self._cast.centre()

        def do() -> str:
            seen = until(
                "unpaid batches to be void",
                centre.batches,
                lambda found: all(one["state"] not in ("reviewing", "passed") for one in found),
                120,
            )
            return f"作废 {sum(1 for one in seen if one['state'] == 'voided')} 个批次"

        self._journal.act("平台", "最后一日对账后判定", do)

    def _enrol_at_once(self, one: UnionPlan) -> None:
        def do() -> str:
            desk = self._cast.union(one)
            # What lapsed is released by the campaign's workflow, which may come a little later.
            until(f"{self._cast.name(one)} to be free", partial(desk.eligible, "no_cover"), bool, 60)
            made = desk.submit("no_cover", one.class_code)
            return f"{one.class_code} 档 {made['heads']} 人"

        self._journal.act(self._cast.name(one), "即时参保", do)

    def _see_closed(self) -> None:
        path = f"/campaigns/centralized/{self._dates.year}"
        federation = self._cast.federation()

        def do() -> str:
            until("the campaign's end", lambda: federation.get("insurance", path)["state"], "closed".__eq__, 60)
            return "活动已结束"

        self._journal.act("平台", "结束集中参保", do)

    def _name(self, place: int) -> str:
        return self._cast.districts[place].name


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
