"""Filing, covering and completing claims, as tests need it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from claims_svc.papers.rules import PaperKind
from unioncard.contracts.claims import AssessClaim
from unioncard.contracts.cover import Benefit, BenefitTerms, CoverFound, CoverState, PolicyCover
from unioncard_testing.trial import DISTRICT, UNION

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" + b"IEND\xaeB`\x82"

# benefits.csv, in yuan: (year, class) -> benefit -> (amount, per, limit)
TERMS: dict[tuple[int, str], dict[str, tuple[int, str, int | None]]] = {
    (2014, "BASIC"): {"critical_illness": (10000, "event", None), "accident": (30000, "event", None)},
    (2019, "A"): {"critical_illness": (10000, "event", None), "accident": (30000, "event", None)},
    (2019, "B"): {
        "critical_illness": (20000, "event", None),
        "accident": (30000, "event", None),
        "illness_death": (10000, "event", None),
    },
    (2020, "A"): {"critical_illness": (10000, "event", None), "accident": (30000, "event", None)},
    (2020, "A+"): {
        "critical_illness": (10000, "event", None),
        "accident": (30000, "event", None),
        "hospital_allowance": (60, "day", 10800),
    },
    (2020, "B"): {
        "critical_illness": (20000, "event", None),
        "accident": (30000, "event", None),
        "illness_death": (10000, "event", None),
    },
    (2020, "B+"): {
        "critical_illness": (20000, "event", None),
        "accident": (30000, "event", None),
        "illness_death": (10000, "event", None),
        "hospital_allowance": (60, "day", 10800),
    },
}


def policy(
    year: int = 2020,
    class_code: str = "B+",
    *,
    policy_id: int = 0,
    state: CoverState = CoverState.DEFINITE,
    first_day: date | None = None,
    last_day: date | None = None,
    file_until: date | None = None,
    union_id: int = UNION,
    district_id: int = DISTRICT,
) -> PolicyCover:
    """A policy of a year and class with the benefits of the sources."""
    benefits = [
        BenefitTerms(benefit=Benefit(name), amount_fen=yuan * 100, per=per, limit_fen=limit and limit * 100)
        for name, (yuan, per, limit) in TERMS[year, class_code].items()
    ]
    return PolicyCover(
        policy_id=policy_id or year,
        state=state,
        coverage_year=year,
        class_code=class_code,
        first_day=first_day or date(year, 1, 1),
        last_day=last_day or date(year, 12, 31),
        union_id=union_id,
        district_id=district_id,
        district_code="363",
        benefits=benefits,
        file_until=file_until or date(year + 1, 6, 30),
    )


def illness(member_id: int = 1, **changed: Any) -> dict[str, Any]:
    """A claim for a critical illness, treated in Shanghai, paid to the own card."""
    return {
        "member_id": member_id,
        "benefit": "critical_illness",
        "event": "illness",
        "event_day": "2020-03-02",
        "illness_code": "malignant_tumour",
        "hospital": {"name": "上海市示例医院", "place": "shanghai", "level": 3},
        "payee": "own_card",
    } | changed


def stay(
    member_id: int = 1, first: str = "2020-02-01", discharge: str = "2020-02-11", **changed: Any
) -> dict[str, Any]:
    """A claim for days in a hospital in Shanghai."""
    return {
        "member_id": member_id,
        "benefit": "hospital_allowance",
        "event": "stay",
        "event_day": first,
        "discharge_day": discharge,
        "hospital": {"name": "上海市示例医院", "place": "shanghai", "level": 2},
        "payee": "own_card",
    } | changed


def disability(member_id: int = 1, **changed: Any) -> dict[str, Any]:
    """A claim for total disability by an accident."""
    return {
        "member_id": member_id,
        "benefit": "accident",
        "event": "disability",
        "event_day": "2020-03-02",
        "payee": "own_card",
    } | changed


HEIR = {
    "name": "赵敏",
    "document_number": "310101197001010019",
    "bank": "示例银行上海分行",
    "account_number": "6222000011112222",
}


def death(member_id: int = 1, *, benefit: str = "accident", **changed: Any) -> dict[str, Any]:
    """A claim for a death, paid to an heir."""
    return {
        "member_id": member_id,
        "benefit": benefit,
        "event": "death",
        "event_day": "2020-03-02",
        "payee": "heir",
        "heir": HEIR,
    } | changed


def assess_command(number: str, policies: Sequence[PolicyCover]) -> AssessClaim:
    """What the workflow hands on of insurance-svc's answer."""
    return AssessClaim(claim_number=number, cover=CoverFound(policies=list(policies)))


PAPERS_OF_ILLNESS = (
    PaperKind.APPLICATION_FORM,
    PaperKind.IDENTITY,
    PaperKind.DIAGNOSIS,
    PaperKind.ADMISSION_RECORD,
)
