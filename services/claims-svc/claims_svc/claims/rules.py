"""Claims as a table, and what decides them without a person (domain 6; G19 Q77–Q88, C20, I14). Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import Benefit, BenefitTerms, CoverState, PolicyCover
from unioncard.dates import day_in_words

S = ClaimState

STEPS: Mapping[ClaimState, frozenset[ClaimState]] = {
    # to_pay and refused by the rules alone, the rest as papers, stamps and cover stand
    S.FILED: frozenset({S.INCOMPLETE, S.STAMPING, S.PROVISIONAL, S.ADJUDICATING, S.TO_PAY, S.REFUSED, S.WITHDRAWN}),
    S.INCOMPLETE: frozenset({S.STAMPING, S.PROVISIONAL, S.ADJUDICATING, S.TO_PAY, S.LAPSED, S.WITHDRAWN}),
    # back to incomplete: another payee asks for other papers
    S.STAMPING: frozenset({S.INCOMPLETE, S.PROVISIONAL, S.ADJUDICATING, S.TO_PAY, S.LAPSED, S.WITHDRAWN}),
    S.PROVISIONAL: frozenset({S.INCOMPLETE, S.STAMPING, S.ADJUDICATING, S.TO_PAY, S.REFUSED, S.WITHDRAWN}),
    # to paid: an appeal against what was paid in part changes nothing
    S.ADJUDICATING: frozenset({S.MEDICAL_REVIEW, S.CONFIRMING, S.TO_PAY, S.PAID, S.REFUSED, S.WITHDRAWN}),
    S.MEDICAL_REVIEW: frozenset({S.ADJUDICATING, S.WITHDRAWN}),
    S.CONFIRMING: frozenset({S.ADJUDICATING, S.TO_PAY, S.PAID, S.REFUSED}),
    S.TO_PAY: frozenset({S.PAYING, S.RETURNED}),
    S.PAYING: frozenset({S.PAID, S.RETURNED}),
    S.RETURNED: frozenset({S.TO_PAY}),
    # an appeal reopens what was refused, or paid in part
    # and money that had arrived may come back, however late
    S.PAID: frozenset({S.CLOSED, S.ADJUDICATING, S.RETURNED}),
    S.REFUSED: frozenset({S.CLOSED, S.ADJUDICATING}),
    S.LAPSED: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.CLOSED: frozenset({S.RETURNED}),
}

STATE_LABELS: Mapping[ClaimState, str] = {
    S.FILED: "已受理",
    S.INCOMPLETE: "待补材料",
    S.STAMPING: "待盖章",
    S.PROVISIONAL: "待核销",
    S.ADJUDICATING: "中心审核中",
    S.MEDICAL_REVIEW: "医学复核中",
    S.CONFIRMING: "待复核",
    S.TO_PAY: "待划款",
    S.PAYING: "划款中",
    S.RETURNED: "退汇待处理",
    S.PAID: "已给付",
    S.REFUSED: "不予给付",
    S.LAPSED: "逾期未补材料",
    S.WITHDRAWN: "已撤回",
    S.CLOSED: "已办结",
}

BEFORE_REVIEW = frozenset({S.FILED, S.INCOMPLETE, S.STAMPING, S.PROVISIONAL})
"""Papers, stamps and payee may still change; the next step follows from them."""
WITHDRAWABLE = BEFORE_REVIEW | {S.ADJUDICATING, S.MEDICAL_REVIEW}
UNDECIDED = WITHDRAWABLE | {S.CONFIRMING}
GIVEN_UP = frozenset({S.LAPSED, S.WITHDRAWN})
FALLEN = GIVEN_UP | {S.REFUSED}
"""Its event may be claimed again, its hospital days count for others."""


class ClaimEvent(StrEnum):
    """What happened (给付事由)."""

    ILLNESS = "illness"
    DISABILITY = "disability"
    DEATH = "death"
    STAY = "stay"


class HospitalPlace(StrEnum):
    """Where the hospital is."""

    SHANGHAI = "shanghai"
    OUTSIDE = "outside"


class PayeeKind(StrEnum):
    """Where the money goes (收款方式)."""

    OWN_CARD = "own_card"
    UNIT_ACCOUNT = "unit_account"
    HEIR = "heir"


BENEFIT_LABELS: Mapping[Benefit, str] = {
    Benefit.CRITICAL_ILLNESS: "重大疾病保障",
    Benefit.ACCIDENT: "意外伤害全残（身故）保障",
    Benefit.ILLNESS_DEATH: "疾病身故保障",
    Benefit.HOSPITAL_ALLOWANCE: "住院天数保障",
}
EVENT_LABELS: Mapping[ClaimEvent, str] = {
    ClaimEvent.ILLNESS: "首次确诊重大疾病",
    ClaimEvent.DISABILITY: "意外伤害全残",
    ClaimEvent.DEATH: "身故",
    ClaimEvent.STAY: "住院",
}
PLACE_LABELS: Mapping[HospitalPlace, str] = {HospitalPlace.SHANGHAI: "本市", HospitalPlace.OUTSIDE: "外省市"}
PAYEE_LABELS: Mapping[PayeeKind, str] = {
    PayeeKind.OWN_CARD: "本人工会会员服务卡",
    PayeeKind.UNIT_ACCOUNT: "区局（产业）工会指定的单位账户",
    PayeeKind.HEIR: "继承人账户",
}

EVENTS_OF: Mapping[Benefit, frozenset[ClaimEvent]] = {
    Benefit.CRITICAL_ILLNESS: frozenset({ClaimEvent.ILLNESS}),
    Benefit.ACCIDENT: frozenset({ClaimEvent.DISABILITY, ClaimEvent.DEATH}),
    Benefit.ILLNESS_DEATH: frozenset({ClaimEvent.DEATH}),
    Benefit.HOSPITAL_ALLOWANCE: frozenset({ClaimEvent.STAY}),
}
TREATED = frozenset({Benefit.CRITICAL_ILLNESS, Benefit.HOSPITAL_ALLOWANCE})
"""Paid for treatment, so the hospital is judged."""

MOST_NIGHTS = 366
"""A longer stay is filed in several claims."""


def payees_of(event: ClaimEvent) -> frozenset[PayeeKind]:
    """Who can be paid: nobody pays onto a dead member's card (decision 26)."""
    if event is ClaimEvent.DEATH:
        return frozenset({PayeeKind.UNIT_ACCOUNT, PayeeKind.HEIR})
    return frozenset({PayeeKind.OWN_CARD, PayeeKind.UNIT_ACCOUNT})


def event_name(event: ClaimEvent, day: date, illness_code: str | None) -> str | None:
    """What must not be paid twice to one member, before it is hashed; None for a stay, whose days speak."""
    match event:
        case ClaimEvent.ILLNESS:
            return f"illness:{illness_code}"
        case ClaimEvent.DISABILITY:
            return f"accident:{day.isoformat()}"
        case ClaimEvent.DEATH:
            # One dies once, of whatever.
            return "death"
        case ClaimEvent.STAY:
            return None


def accident_name(benefit: Benefit, day: date) -> str | None:
    """An accident is one event, whether it disabled or, later, killed (decision 25)."""
    return f"accident:{day.isoformat()}" if benefit is Benefit.ACCIDENT else None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a claim, or some of its days, is not paid: stable code, the source's rule, and what staff read."""

    code: str
    rule: str
    text: str

    def row(self) -> dict[str, str]:
        """As it is stored."""
        return {"code": self.code, "rule": self.rule, "text": self.text}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a claim says. ``last_day`` is the last night of a stay; otherwise it equals ``first_day``.

    ``filed_on`` is the day in Shanghai on which it was received.
    """

    benefit: Benefit
    event: ClaimEvent
    first_day: date
    last_day: date
    filed_on: date
    illness_code: str | None = None
    first_diagnosis: bool = True
    in_patient: bool = True
    place: HospitalPlace | None = None
    level: int | None = None

    @property
    def nights(self) -> list[date]:
        """The days asked for: the day of admission counts, the day of discharge does not (decision, domain 6)."""
        return [self.first_day + timedelta(days=n) for n in range((self.last_day - self.first_day).days + 1)]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The illnesses of a coverage year and class. ``complete``: as many are known as the terms speak of."""

    codes: frozenset[str] = frozenset()
    complete: bool = False


Catalogues = Mapping[tuple[int, str], Catalogue]
_NO_CATALOGUE = Catalogue()


@dataclass(frozen=True, slots=True)
class Part:
    """What a claim asks of one policy. Money is fen.

    ``nights`` were asked for, ``days`` count; for a single benefit both are 0. ``limit_days`` of the policy.
    """

    policy: PolicyCover
    claimed_fen: int
    payable_fen: int
    nights: int = 0
    days: tuple[date, ...] = ()
    limit_days: int | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules say. ``refused``: for these reasons nothing is paid; ``reduced``: for these, less is.

    ``listed``: whether the illness is in the catalogue; None where there is none to be in, or it is not known yet.
    """

    parts: tuple[Part, ...]
    refused: tuple[Reason, ...]
    reduced: tuple[Reason, ...]
    listed: bool | None

    @property
    def cover_state(self) -> CoverState:
        """The least that any of the policies is worth."""
        order = (CoverState.REVIEWING, CoverState.PROVISIONAL, CoverState.DEFINITE)
        return min((one.policy.state for one in self.parts), key=order.index, default=CoverState.DEFINITE)

    @property
    def claimed_fen(self) -> int:
        """All that is asked for."""
        return sum(one.claimed_fen for one in self.parts)

    @property
    def payable_fen(self) -> int:
        """The most the rules allow."""
        return 0 if self.refused else sum(one.payable_fen for one in self.parts)


def assess(
    facts: Facts,
    policies: Sequence[PolicyCover],
    catalogues: Catalogues,
    *,
    taken: AbstractSet[date] = frozenset(),
    used: Mapping[int, int] | None = None,
) -> Assessment:
    """Judge a claim by the policies that touch its days.

    ``taken``: days of the member that other standing claims count; ``used``: how many days of each policy they use.
    """
    by_night = {night: _policy_on(night, policies) for night in facts.nights}
    covering = list({one.policy_id: one for one in by_night.values() if one is not None}.values())
    reasons = _treatment(facts)
    if not covering:
        return Assessment((), (NO_COVER, *reasons), (), None)
    terms = {one.policy_id: _terms(one, facts.benefit) for one in covering}
    paying = [one for one in covering if terms[one.policy_id] is not None]
    if not paying:
        return Assessment((), (_not_in_class(covering[0]), *reasons), (), None)
    if facts.event is ClaimEvent.STAY:
        stay = _Stay(facts, by_night, terms, taken, used or {})
        parts, why = stay.parts(paying), stay.why_less()
        nothing = not any(one.days for one in parts)
        return Assessment(tuple(parts), (*(why if nothing else ()), *reasons), () if nothing else tuple(why), None)
    policy, asked = paying[0], terms[paying[0].policy_id]
    assert asked is not None  # paying
    listed = _listed(facts, policy, catalogues)
    if facts.filed_on > policy.file_until:
        reasons.append(_late(policy))
    if listed is False:
        reasons.append(_unlisted(policy))
    part = Part(policy, asked.amount_fen, 0 if reasons else asked.amount_fen)
    return Assessment((part,), tuple(reasons), (), listed)


def _policy_on(day: date, policies: Sequence[PolicyCover]) -> PolicyCover | None:
    return next((one for one in policies if one.first_day <= day <= one.last_day), None)


def _terms(policy: PolicyCover, benefit: Benefit) -> BenefitTerms | None:
    return next((one for one in policy.benefits if one.benefit is benefit), None)


@dataclass(slots=True)
class _Stay:
    """A stay in hospital, night by night."""

    facts: Facts
    by_night: Mapping[date, PolicyCover | None]
    terms: Mapping[int, BenefitTerms | None]
    taken: AbstractSet[date]
    used: Mapping[int, int]
    over: int = 0

    def parts(self, paying: Sequence[PolicyCover]) -> list[Part]:
        """One for each policy that has the benefit; days count in order until its maximum."""
        return [self._part(one) for one in paying]

    def _part(self, policy: PolicyCover) -> Part:
        terms = self.terms[policy.policy_id]
        assert terms is not None  # paying
        nights = [night for night, one in self.by_night.items() if one is policy]
        free = [] if self._late(policy) else [night for night in nights if night not in self.taken]
        limit_days = terms.limit_fen // terms.amount_fen if terms.limit_fen is not None else None
        left = len(free) if limit_days is None else max(0, limit_days - self.used.get(policy.policy_id, 0))
        self.over += len(free[left:])
        days = tuple(free[:left])
        return Part(policy, len(nights) * terms.amount_fen, len(days) * terms.amount_fen, len(nights), days, limit_days)

    def _late(self, policy: PolicyCover) -> bool:
        return self.facts.filed_on > policy.file_until

    def why_less(self) -> list[Reason]:
        """Why some nights do not count, all kinds of reasons at once."""
        reasons: list[Reason] = []
        policies = list({one.policy_id: one for one in self.by_night.values() if one is not None}.values())
        bare = sum(one is None for one in self.by_night.values())
        if bare:
            reasons.append(Reason("days-not-covered", NO_COVER.rule, f"住院期间有 {bare} 天不在保障期内"))
        reasons += [_not_in_class(one) for one in policies if self.terms[one.policy_id] is None]
        in_time = [one for one in policies if self.terms[one.policy_id] is not None]
        reasons += [_late(one) for one in in_time if self._late(one)]
        counted = {one.policy_id for one in in_time if not self._late(one)}
        twice = sum(
            night in self.taken for night, one in self.by_night.items() if one is not None and one.policy_id in counted
        )
        if twice:
            reasons.append(Reason("days-counted-before", "C20", f"有 {twice} 天已计入其他给付申请，不重复计算"))
        if self.over:
            text = f"超过保单年度最高给付天数，有 {self.over} 天不计"
            reasons.append(Reason("limit-reached", "C20", text))
        return reasons


def _treatment(facts: Facts) -> list[Reason]:
    """What is wrong with the treatment: hospital, in-patient, first diagnosis."""
    if facts.benefit not in TREATED:
        return []
    reasons: list[Reason] = []
    if facts.place is HospitalPlace.SHANGHAI and facts.level not in (2, 3):
        reasons.append(Reason("hospital-level", "G19 Q84", "本市医院须为二级或三级医院"))
    if facts.place is HospitalPlace.OUTSIDE and facts.level != 3:
        reasons.append(Reason("hospital-level", "G19 Q85", "外省市医院须为三级医院"))
    if not facts.in_patient:
        reasons.append(Reason("not-in-patient", "I14", "未经住院治疗"))
    if facts.benefit is Benefit.CRITICAL_ILLNESS and not facts.first_diagnosis:
        reasons.append(Reason("not-first-diagnosis", "I14", "不是保障期内首次确诊"))
    return reasons


def _listed(facts: Facts, policy: PolicyCover, catalogues: Catalogues) -> bool | None:
    if facts.benefit is not Benefit.CRITICAL_ILLNESS:
        return None
    catalogue = catalogues.get((policy.coverage_year, policy.class_code), _NO_CATALOGUE)
    if facts.illness_code in catalogue.codes:
        return True
    # Not in a list that is still being loaded: a person must look.
    return False if catalogue.complete else None


NO_COVER = Reason("no-cover", "I14", "事由发生之日不在有效保障期内")
PAID_BEFORE = Reason("paid-before", "I14", "同一事由已有给付申请在办或已给付，保障金为一次性给付")


def _terms_rule(policy: PolicyCover) -> str:
    """Where the benefits of that year stand."""
    return {2014: "I14", 2019: "G19 Q77–Q80"}.get(policy.coverage_year, "C20")


def _not_in_class(policy: PolicyCover) -> Reason:
    text = f"{policy.coverage_year}年度 {policy.class_code} 档不含该项保障"
    return Reason("benefit-not-in-class", _terms_rule(policy), text)


def _unlisted(policy: PolicyCover) -> Reason:
    text = f"所患疾病不在{policy.coverage_year}年度 {policy.class_code} 档疾病目录内"
    return Reason("illness-not-listed", _terms_rule(policy), text)


def _late(policy: PolicyCover) -> Reason:
    text = f"{policy.coverage_year}年度的给付申请最迟应于{day_in_words(policy.file_until)}递交，已逾期"
    return Reason("filed-late", "G19 Q88", text)


def waiting_state(missing: int, stamps: int, cover: CoverState) -> ClaimState:
    """Where a claim that nothing speaks against stands: papers first, then stamps, then cover, then the centre."""
    if missing:
        return S.INCOMPLETE
    if stamps:
        return S.STAMPING
    return S.ADJUDICATING if cover is CoverState.DEFINITE else S.PROVISIONAL


def decided_by_rule(payable_fen: int, limit_fen: int, payee: PayeeKind, benefit: Benefit, listed: bool | None) -> bool:
    """Whether a complete claim is approved without a person, as far as the claim itself says; signs speak too."""
    certain = listed is True or benefit is not Benefit.CRITICAL_ILLNESS
    return 0 < payable_fen <= limit_fen and payee is PayeeKind.OWN_CARD and certain
