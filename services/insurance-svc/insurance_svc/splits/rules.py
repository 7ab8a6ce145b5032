"""What a district may set as its unions' shares (基层缴费设置, domain 5)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from insurance_svc.seasons.rules import Rate
from unioncard.money import Fen, format_yuan
from unioncard.problems import RowError

TERM_LABELS = {"full": "全年", "half": "半年"}


@dataclass(frozen=True, slots=True)
class NewSplit:
    """Shares a head, in fen. ``union_id`` 0: the district's default."""

    class_code: str
    term: str
    central: bool
    union_id: int
    district_fen: int
    union_fen: int

    @property
    def key(self) -> tuple[str, str, bool, int]:
        """What there is one split for."""
        return (self.class_code, self.term, self.central, self.union_id)


def faults(
    entries: Sequence[NewSplit], rates: Mapping[tuple[str, str], Rate], unions: Collection[int]
) -> list[RowError]:
    """Every entry that cannot be taken: unknown class or union, twice the same, or shares that do not add up."""
    found: list[RowError] = []
    seen: set[tuple[str, str, bool, int]] = set()
    for line, one in enumerate(entries, start=1):
        rate = rates.get((one.class_code, one.term))
        if rate is None:
            found.append(_fault(line, one, "class_code", "该年度没有这个档次", "请从该年度的费率中选择档次"))
        elif one.district_fen + one.union_fen != (rest := rate.fee_fen - rate.subsidy(one.central)):
            reason = f"区局与基层两项之和应为 {format_yuan(Fen(rest))} 元（保费减市总补贴）"
            found.append(_fault(line, one, "union_fen", reason, "请修改区局或基层承担的金额，使两项相加正好相等"))
        if one.union_id and one.union_id not in unions:
            found.append(_fault(line, one, "union_id", "不是本区局所属的基层工会", "请从所属工会中选择"))
        if one.key in seen:
            found.append(_fault(line, one, "class_code", "与前面的一行重复", "请只保留一行"))
        seen.add(one.key)
    return found


def in_use(
    entries: Sequence[NewSplit],
    standing: Mapping[tuple[str, str, bool, int], tuple[int, int]],
    used: Collection[tuple[str, bool, int]],
) -> list[NewSplit]:
    """Which entries would change shares by which a list is priced.

    ``standing`` are the shares by key, ``used`` the (class, kind, union) of lists that stand. The default prices the
    unions that have no shares of their own.
    """
    touched: list[NewSplit] = []
    for one in entries:
        now = standing.get(one.key)
        if now == (one.district_fen, one.union_fen):
            continue
        unions = {union for code, central, union in used if (code, central) == (one.class_code, one.central)}
        if one.union_id:
            unions &= {one.union_id}
            now = now or standing.get((one.class_code, one.term, one.central, 0))
        else:
            unions -= {union for *key, union in standing if key == [one.class_code, one.term, one.central] and union}
        if unions and now is not None and now != (one.district_fen, one.union_fen):
            touched.append(one)
    return touched


def missing(
    standing: Collection[tuple[str, str, bool, int]], rates: Collection[tuple[str, str]], central: bool
) -> list[str]:
    """Classes and terms for which the district has set no default, as staff read them; empty: all is set."""
    return [f"{code} 档{TERM_LABELS[term]}" for code, term in sorted(rates) if (code, term, central, 0) not in standing]


def _fault(line: int, one: NewSplit, field: str, reason: str, remedy: str) -> RowError:
    term = TERM_LABELS.get(one.term, one.term)
    number = f"工会 {one.union_id}" if one.union_id else "默认"
    return RowError(
        line=line, name=f"{one.class_code} {term}", number=number, field=field, reason=reason, remedy=remedy
    )
