"""What the centre may decide, and what needs a second pair of eyes (domain 6). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from claims_svc.claims.rules import ClaimEvent, Reason

# Where the benefits of a year stand.
_TERMS: Mapping[int, str] = {2014: "I14", 2019: "G19 Q77–Q80"}

# Code, the rule it rests on (None: the terms of the coverage year), and what staff read.
_REASONS: tuple[tuple[str, str | None, str], ...] = (
    ("event-not-proven", None, "材料不能证明所申请的事由"),
    ("days-not-proven", None, "部分住院天数没有材料证明"),
    ("illness-not-listed", None, "所患疾病不在当年疾病目录内"),
    ("not-first-diagnosis", "I14", "不是保障期内首次确诊"),
    ("not-in-patient", "I14", "未经住院治疗"),
    ("not-an-accident", None, "不属于意外伤害"),
    ("not-total-disability", None, "未达到全残"),
    ("hospital-level", "G19 Q84", "本市医院须为二级或三级医院"),
    ("hospital-level-outside", "G19 Q85", "外省市医院须为三级医院"),
    ("no-cover", "I14", "事由发生之日不在有效保障期内"),
    ("filed-late", "G19 Q88", "递交已逾期"),
    ("paid-before", "I14", "同一事由已给付，保障金为一次性给付"),
)
CODES = tuple(code for code, _, _ in _REASONS)


def reasons(coverage_year: int | None) -> Mapping[str, Reason]:
    """What a reviewer may cite, by code: reasons are chosen, not written, so that nothing medical stands in them."""
    terms = _TERMS.get(coverage_year or 0, "C20")
    return {code: Reason(code, rule or terms, text) for code, rule, text in _REASONS}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a claim asks of one policy, as far as a decision needs it. Money is fen.

    ``payable_fen``: the most by the rules; ``approved_fen``: by an earlier decision, and not to be taken back.
    """

    policy_id: int
    nights: int
    claimed_fen: int
    payable_fen: int
    approved_fen: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be approved of a part: from ``least`` to ``most``, in whole ``step``s above nothing."""

    least: int
    most: int
    step: int

    def hold(self, fen: int) -> bool:
        """Whether this amount may be approved."""
        return self.least <= fen <= self.most and fen % self.step == 0


def bounds(part: Asked, event: ClaimEvent, *, appeal: bool) -> Bounds:
    """Hospital days: whole days that count; any other benefit: all or nothing, since it is a single payment (I14).

    In an appeal a person may also find against the rules that a single benefit is due; hospital days never pass what
    the rules count, or two claims would be paid for one night.
    """
    if event is ClaimEvent.STAY:
        return Bounds(part.approved_fen, part.payable_fen, part.claimed_fen // part.nights)
    most = part.claimed_fen if appeal else part.payable_fen
    return Bounds(part.approved_fen, most, part.claimed_fen)


def amounts_of(
    parts: Sequence[Asked], event: ClaimEvent, wanted: Mapping[int, int] | None, *, appeal: bool
) -> dict[int, int] | None:
    """Amounts by policy: those wanted, or the most that may be; None where one of them may not be, or has no part."""
    allowed = {part.policy_id: bounds(part, event, appeal=appeal) for part in parts}
    if wanted is None:
        return {policy: one.most for policy, one in allowed.items()}
    if wanted.keys() != allowed.keys() or not all(allowed[policy].hold(fen) for policy, fen in wanted.items()):
        return None
    return dict(wanted)


def needs_second(claimed_fen: int, limit_fen: int, parts: Iterable[Asked], amounts: Mapping[int, int]) -> bool:
    """Four eyes: where more than the limit is at stake, whichever way, and wherever the rules are overruled."""
    overruled = any(amounts.get(part.policy_id, 0) > part.payable_fen for part in parts)
    return claimed_fen > limit_fen or overruled
