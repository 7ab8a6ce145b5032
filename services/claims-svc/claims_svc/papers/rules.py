"""Which papers and stamps a claim needs (domain 6; G19 Q81, Q83–Q87). Pure."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from claims_svc.claims.rules import ClaimEvent, HospitalPlace, PayeeKind
from unioncard.contracts.cover import Benefit


class PaperKind(StrEnum):
    """What a paper proves (材料种类)."""

    APPLICATION_FORM = "application_form"
    IDENTITY = "identity"
    DIAGNOSIS = "diagnosis"
    ADMISSION_RECORD = "admission_record"
    ACCIDENT_CERTIFICATE = "accident_certificate"
    DISABILITY_CERTIFICATE = "disability_certificate"
    DEATH_CERTIFICATE = "death_certificate"
    DISCHARGE_SUMMARY = "discharge_summary"
    HOSPITAL_INVOICE = "hospital_invoice"
    TRANSFER_REQUEST = "transfer_request"
    KINSHIP = "kinship"
    HEIR_IDENTITY = "heir_identity"


P = PaperKind

PAPER_LABELS: Mapping[PaperKind, str] = {
    P.APPLICATION_FORM: "上海工会会员专享基本保障给付申请审批表",
    P.IDENTITY: "会员身份证件",
    P.DIAGNOSIS: "疾病诊断证明",
    P.ADMISSION_RECORD: "住院记录",
    P.ACCIDENT_CERTIFICATE: "意外事故证明",
    P.DISABILITY_CERTIFICATE: "全残鉴定证明",
    P.DEATH_CERTIFICATE: "死亡证明",
    P.DISCHARGE_SUMMARY: "出院小结",
    P.HOSPITAL_INVOICE: "住院费用票据",
    P.TRANSFER_REQUEST: "划款申请书",
    P.KINSHIP: "与会员的亲属关系证明",
    P.HEIR_IDENTITY: "继承人身份证件",
}


class StampLevel(StrEnum):
    """Whose stamp; the district's also serves where the union's would do."""

    UNION = "union"
    DISTRICT = "district"


STAMP_LABELS: Mapping[StampLevel, str] = {
    StampLevel.UNION: "基层工会或区局（产业）工会盖章",
    StampLevel.DISTRICT: "区局（产业）工会盖章",
}
STAMPED = (P.APPLICATION_FORM, P.TRANSFER_REQUEST)

_OF_BENEFIT: Mapping[Benefit, tuple[PaperKind, ...]] = {
    Benefit.CRITICAL_ILLNESS: (P.DIAGNOSIS, P.ADMISSION_RECORD),
    Benefit.ACCIDENT: (P.ACCIDENT_CERTIFICATE,),
    Benefit.ILLNESS_DEATH: (),
    Benefit.HOSPITAL_ALLOWANCE: (P.DISCHARGE_SUMMARY, P.HOSPITAL_INVOICE),
}
_OF_EVENT: Mapping[ClaimEvent, tuple[PaperKind, ...]] = {
    ClaimEvent.ILLNESS: (),
    ClaimEvent.DISABILITY: (P.DISABILITY_CERTIFICATE,),
    ClaimEvent.DEATH: (P.DEATH_CERTIFICATE,),
    ClaimEvent.STAY: (),
}
_OF_PAYEE: Mapping[PayeeKind, tuple[PaperKind, ...]] = {
    PayeeKind.OWN_CARD: (),
    PayeeKind.UNIT_ACCOUNT: (P.TRANSFER_REQUEST,),
    # like a unit account, and who the heir is (decision 26)
    PayeeKind.HEIR: (P.TRANSFER_REQUEST, P.KINSHIP, P.HEIR_IDENTITY),
}


def required_papers(benefit: Benefit, event: ClaimEvent, payee: PayeeKind) -> tuple[PaperKind, ...]:
    """All papers of such a claim, in the order in which they are asked for."""
    always = (P.APPLICATION_FORM, P.IDENTITY)
    return (*always, *_OF_BENEFIT[benefit], *_OF_EVENT[event], *_OF_PAYEE[payee])


def required_stamps(place: HospitalPlace | None, payee: PayeeKind) -> Mapping[PaperKind, StampLevel]:
    """Whose stamp each paper needs. Without a hospital (an accident, a death) as for one in Shanghai."""
    if payee is PayeeKind.OWN_CARD:
        # G19 Q84; outside Shanghai Q85
        outside = place is HospitalPlace.OUTSIDE
        return {P.APPLICATION_FORM: StampLevel.DISTRICT if outside else StampLevel.UNION}
    # G19 Q86, Q87
    return {P.APPLICATION_FORM: StampLevel.DISTRICT, P.TRANSFER_REQUEST: StampLevel.DISTRICT}


Stamp = tuple[PaperKind, StampLevel]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a claim still needs. ``account``: the district has to name the unit account."""

    papers: tuple[PaperKind, ...]
    stamps: Mapping[PaperKind, StampLevel]
    account: bool = False

    @property
    def missing(self) -> int:
        """How many things are missing besides stamps."""
        return len(self.papers) + self.account

    @property
    def district_stamp(self) -> bool:
        """Whether a stamp is missing that only the district can give."""
        return StampLevel.DISTRICT in self.stamps.values()


def still_needed(
    required: tuple[PaperKind, ...],
    stamps: Mapping[PaperKind, StampLevel],
    *,
    uploaded: AbstractSet[PaperKind],
    stamped: AbstractSet[Stamp],
    account: bool,
) -> Needs:
    """What is not there yet."""
    lacking = {
        paper: level
        for paper, level in stamps.items()
        if (paper, StampLevel.DISTRICT) not in stamped and (paper, level) not in stamped
    }
    return Needs(tuple(kind for kind in required if kind not in uploaded), lacking, account)
