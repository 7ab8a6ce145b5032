"""The demo's claims on the season's policies: one of each benefit and year, and what goes wrong on the way.

One comes too late, one has no cover, one has the wrong stamp, one comes back from the bank since the card was
replaced and is then paid, one goes to a unit account. In the end ledger, bank and settlement agree to the fen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from unioncard_cli.demo import payouts
from unioncard_cli.demo.payouts import Outcome
from unioncard_cli.demo.screen import Screen, console
from unioncard_cli.demo.season import CENTRAL, LAST_YEAR, SHORT, UNPAID, Season
from unioncard_cli.operators import Operator, Refusal, until
from unioncard_cli.place import REPOSITORY, StackError
from unioncard_cli.scenery import District, service_command
from unioncard_cli.season.acts import YEAR
from unioncard_cli.season.opening import trigger
from unioncard_cli.season.voucher import png

CATALOGUE = REPOSITORY / "services" / "claims-svc" / "samples"
PATIENCE_S = 120.0
# Nothing but last days lies between.
FAST = 1_000_000.0

_SHANGHAI = {"name": "上海市示例医院", "place": "shanghai", "level": 3}
_OUTSIDE = {"name": "外省示例医院", "place": "outside", "level": 3}
_HEIR = {
    "name": "赵示例",
    "document_number": "310101197001010019",
    "bank": "示例银行上海分行",
    "account_number": "6222000011112222",
}


def _illness(day: str, code: str, hospital: Mapping[str, Any] = _SHANGHAI) -> dict[str, Any]:
    return {
        "benefit": "critical_illness",
        "event": "illness",
        "event_day": day,
        "illness_code": code,
        "hospital": dict(hospital),
        "payee": "own_card",
    }


def _accident(day: str, payee: str = "own_card") -> dict[str, Any]:
    return {"benefit": "accident", "event": "disability", "event_day": day, "payee": payee}


def _death(day: str) -> dict[str, Any]:
    return {"benefit": "illness_death", "event": "death", "event_day": day, "payee": "heir", "heir": _HEIR}


_STAY = {
    "benefit": "hospital_allowance",
    "event": "stay",
    "event_day": "2020-02-10",
    "discharge_day": "2020-02-20",
    "hospital": _SHANGHAI,
    "payee": "own_card",
}

HOME_MAIN, HOME_LATE = "main", "late"
WRONG_STAMP, RETURNED, UNIT, TOO_LATE = (
    "外省医院，工会不能代替区局盖章",
    "换卡退汇，更正后重划",
    "划入单位账户",
    "逾期申请",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A claim of the demo: whose member (district, or one of the home unions; which one), and what it says."""

    name: str
    place: District | str
    member: int
    year: int
    says: Mapping[str, Any]


CASES = (
    Case("2019年度 重大疾病", HOME_LATE, 0, LAST_YEAR, _illness("2019-11-12", "malignant_tumour")),
    Case("2019年度 意外全残", HOME_LATE, 1, LAST_YEAR, _accident("2019-12-01")),
    Case("2019年度 疾病身故", HOME_LATE, 2, LAST_YEAR, _death("2019-12-20")),
    Case("2020年度 重大疾病", SHORT, 0, YEAR, _illness("2020-01-15", "carcinoma_in_situ")),
    Case(WRONG_STAMP, SHORT, 1, YEAR, _illness("2020-02-01", "carcinoma_in_situ", _OUTSIDE)),
    Case(UNIT, CENTRAL, 0, YEAR, _accident("2020-02-02", "unit_account")),
    Case("2020年度 疾病身故", CENTRAL, 1, YEAR, _death("2020-02-15")),
    Case("2020年度 住院天数", UNPAID, 0, YEAR, _STAY),
    Case("不在保障期内", UNPAID, 1, YEAR, _accident("2020-01-10")),
    Case(RETURNED, HOME_MAIN, 0, YEAR, _illness("2020-02-20", "malignant_tumour")),
)
LATE = Case(TOO_LATE, HOME_MAIN, 1, YEAR, _accident("2020-03-01"))


@dataclass(slots=True)
class Claims:
    """The claims of a season that was played."""

    season: Season
    numbers: dict[str, str] = field(default_factory=dict)
    _papers: int = 0

    def play(self, screen: Screen) -> bool:
        """From filing in March 2020 to July of the next year; True when the money is as worked out by hand."""
        self._file(screen)
        self._complete(screen)
        self._decide(screen)
        self._pay(screen)
        self._put_right(screen)
        self._too_late(screen)
        return self._reckon()

    # -- filing ------------------------------------------------------------------------------------------------

    def _file(self, screen: Screen) -> None:
        with screen.step("3月5日 基层工会代会员提出给付申请 (unions file claims; cover is looked up)") as said:
            service_command(self.season.scene.stack, "claims-svc", "load-illnesses", str(CATALOGUE))
            self.season.go("2020-03-05T09:00")
            for case in CASES:
                self._file_one(case)
            for case in CASES:
                claim = self._assessed(case)
                why = "".join(f"：{one['text']}（{one['rule']}）" for one in claim["reasons"])
                said.append(f"{case.name}：{claim['state_label']}{why}")

    def _file_one(self, case: Case) -> None:
        body = {"member_id": self._member(case), **case.says}
        self.numbers[case.name] = self._filer(case).post("claims", "/claims", body)["number"]

    def _assessed(self, case: Case) -> dict[str, Any]:
        return until(
            f"the cover of {case.name}", lambda: self._claim(case), lambda one: one["state"] != "filed", PATIENCE_S
        )

    # -- papers and stamps -------------------------------------------------------------------------------------

    def _complete(self, screen: Screen) -> None:
        with screen.step("3月6日 补齐材料、盖章 (papers and stamps)") as said:
            self.season.go("2020-03-06T09:00")
            self._name_account()
            for case in CASES:
                if self._claim(case)["state"] == "incomplete":
                    said += self._bring(case)

    def _name_account(self) -> None:
        """The district names a unit account, the centre approves it, and the district asks for payment to it."""
        district = self.season.district(CENTRAL).operator
        account = {
            "holder_name": "示例铁路工会委员会",
            "account_number": "31602300000000001",
            "bank": "示例银行人民广场支行",
            "reason": "单位代收给付款",
        }
        made = district.post("claims", "/unit-accounts", account)["id"]
        self.season.centre().payer.post("claims", f"/unit-accounts/{made}/decision", {"approved": True})
        path = f"/claims/{self.numbers[UNIT]}/payee"
        district.post("claims", path, {"payee": "unit_account", "account_id": made})

    def _bring(self, case: Case) -> list[str]:
        filer, path = self._filer(case), f"/claims/{self.numbers[case.name]}"
        needs = filer.get("claims", f"{path}/needs")
        papers = []
        for paper in needs["papers"]:
            self._papers += 1
            papers.append((paper["kind"], png(self._papers)))
        if papers:
            filer.upload_papers(f"{path}/papers", papers)
        said = [f"{case.name}：{len(needs['papers'])} 份材料"]
        for stamp in needs["stamps"]:
            body = {"paper": stamp["paper"]}
            if case.name == WRONG_STAMP:
                said.append(f"    {_refused(filer, f'{path}/stamps', body)}")
            ours = filer if stamp["level"] == "union" else self.season.district(self._district(case)).operator
            ours.post("claims", f"{path}/stamps", body)
        return said

    # -- the centre --------------------------------------------------------------------------------------------

    def _decide(self, screen: Screen) -> None:
        with screen.step("3月9日 市职保中心审核，超过两万元的双人复核 (decisions; four eyes above 20,000)") as said:
            self.season.go("2020-03-09T09:00")
            reviewer = self.season.centre().reviewer
            second = self.season.known("second reviewer", self.season.scene.second_reviewer)
            for case in CASES:
                claim, path = self._claim(case), f"/claims/{self.numbers[case.name]}"
                if claim["state"] != "adjudicating":
                    continue
                signs = reviewer.get("claims", f"{path}/review")["signs"]
                done = reviewer.post("claims", f"{path}/decision", {"approve": True})
                if done["state"] == "confirming":
                    done = second.post("claims", f"{path}/confirmation", {"confirmed": True})
                hints = f"，疑点提示 {len(signs)} 项" if signs else ""
                said.append(f"{case.name}：{done['state_label']} {payouts.yuan(claim['claimed_fen'])} 元{hints}")

    # -- the bank ----------------------------------------------------------------------------------------------

    def _pay(self, screen: Screen) -> None:
        with screen.step("3月10日 汇总划款；一名会员刚换了卡 (payouts; one card was replaced unnoticed)") as said:
            self.season.go("2020-03-10T09:30")
            self._replace_card_unnoticed()
            said += self._run_payouts()

    def _replace_card_unnoticed(self) -> None:
        """At the counter, with a new number; the bank's notice is lost, so that the old number is still paid to."""
        case = next(one for one in CASES if one.name == RETURNED)
        act = {"act": "replace", "member_id": self._claim(case)["member_id"], "keep_number": False}
        lost = {"X-Sandbox-Behaviour": '{"callback": {"silent_rate": 1.0}}'}
        url = f"{self.season.scene.stack.place.url('sandbox')}/control/cards"
        httpx.post(url, json={"acts": [act]}, headers=lost, timeout=30).raise_for_status()

    def _run_payouts(self) -> list[str]:
        """The morning's schedule gathers what is ready; until the bank has answered."""
        before = {one["number"] for one in self._payer().pages("claims", "/payout-batches")}
        trigger(self.season.scene.stack, "payouts-daily")
        batches = until(
            "the bank's answers",
            lambda: [one for one in self._payer().pages("claims", "/payout-batches") if one["number"] not in before],
            lambda found: bool(found) and all(one["state"] == "done" for one in found),
            PATIENCE_S,
        )
        return [
            f"划款批次 {one['number']}：{one['payouts']} 笔 {payouts.yuan(one['amount_fen'])} 元，到账 {one['paid']}，"
            f"退回 {one['returned']}"
            for one in batches
        ]

    def _put_right(self, screen: Screen) -> None:
        with screen.step(
            "3月12日 取回银行卡片文件，更正后重新划款 (the new number is known; sent again, once)"
        ) as said:
            self.season.go("2020-03-12T09:30")
            case = next(one for one in CASES if one.name == RETURNED)
            number = self.numbers[RETURNED]
            waiting = self._payer().get("claims", "/payout-returns")["items"]
            said += [f"{one['claim_number']}：{one['reason']}" for one in waiting]
            old = self._number_end(case)
            trigger(self.season.scene.stack, "bank-state-nightly")
            until("the new card number", lambda: self._number_end(case), lambda end: end != old, PATIENCE_S)
            correction = {"payee": "own_card", "note": "会员已换领新卡，按新卡号划款"}
            self._payer().post("claims", f"/claims/{number}/payout-correction", correction)
            said += self._run_payouts()

    def _number_end(self, case: Case) -> str:
        card = self._filer(case).get("card", f"/cards/{self._claim(case)['member_id']}")
        return str(card["card_number"])[-4:]

    def _payer(self) -> Operator:
        return self.season.centre().payer

    # -- the end -----------------------------------------------------------------------------------------------

    def _too_late(self, screen: Screen) -> None:
        with screen.step("2021年7月1日 申诉期满的申请已办结；此时才申请2020年度给付 (a day too late)") as said:
            self.season.go("2021-07-01T09:00", FAST)
            self._file_one(LATE)
            claim = self._assessed(LATE)
            said += [f"{LATE.name}：{claim['state_label']}，{one['text']}（{one['rule']}）" for one in claim["reasons"]]
            until(
                "the close of the claims",
                lambda: [self._claim(case)["state"] for case in CASES],
                lambda states: set(states) == {"closed"},
                PATIENCE_S,
            )

    def _reckon(self) -> bool:
        found = {}
        for case in (*CASES, LATE):
            claim = self._claim(case)
            why = ",".join(one["code"] for one in claim["reasons"])
            found[case.name] = Outcome(claim["state"], claim["claimed_fen"], claim["approved_fen"], why)
        stack, federation = self.season.scene.stack, self.season.known("federation", self.season.scene.federation)
        sums = payouts.sums(federation, stack.place.url("sandbox"))
        console.print()
        console.print(payouts.table(found))
        console.print(payouts.sums_table(sums))
        return found == payouts.BY_HAND and set(sums.values()) == {payouts.PAID_FEN}

    # -- in short ----------------------------------------------------------------------------------------------

    def _claim(self, case: Case) -> dict[str, Any]:
        return dict(self._filer(case).get("claims", f"/claims/{self.numbers[case.name]}"))

    def _district(self, case: Case) -> District:
        return case.place if isinstance(case.place, District) else self.season.home

    def _filer(self, case: Case) -> Operator:
        numbers = {HOME_MAIN: self.season.main, HOME_LATE: self.season.late}
        number = numbers[case.place] if isinstance(case.place, str) else 1
        return self.season.union(self._district(case), number).operator

    def _member(self, case: Case) -> int:
        """One of those whose policy of that year stands, in the order of their ids."""
        page = self._filer(case).get("insurance", "/policies", coverage_year=case.year, state="definite", limit=200)
        return int(sorted(one["member_id"] for one in page["items"])[case.member])


def _refused(operator: Operator, path: str, body: Mapping[str, Any]) -> str:
    try:
        operator.post("claims", path, body)
    except Refusal as refusal:
        return f"{refusal.problem['title']}。{refusal.problem['detail']}"
    raise StackError("a union's stamp was taken for the district's", "report it")
