"""What HTTP shows of lists."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from insurance_svc.enrolments import rules
from insurance_svc.enrolments.rules import LeftOut, Sums, Term, Way
from insurance_svc.personal import PersonalData
from unioncard.contracts.insurance import Scheme
from unioncard.web.pages import Page


class Money(BaseModel):
    """The four sums (fen): fee = subsidy + district + union."""

    heads: int = Field(description="参保人数")
    fee_fen: int = Field(description="保障费用")
    subsidy_fen: int = Field(description="市总统一划拨")
    district_fen: int = Field(description="区局/各级工会缴费")
    union_fen: int = Field(description="基层单位缴费")


class Enrolment(Money):
    """A row of the union's enrolments (参保信息管理)."""

    id: int
    union_id: int
    union_name: str
    district_id: int
    scheme: Scheme
    way: Way
    way_label: str = Field(description="参保类型")
    coverage_year: int = Field(description="保障年度")
    class_code: str = Field(description="保障类型")
    central: bool = Field(description="按央企补贴标准")
    state: str = Field(description="已进入参保批次的，为批次的状态")
    state_label: str
    batch_number: str | None = Field(description="批次编号")
    submitted_at: datetime
    changed_at: datetime = Field(description="最后更新时间")
    returned_at: datetime | None
    return_reason: str | None
    paid_fen: int = Field(description="区局登记的基层工会已缴金额")
    paid_on: date | None


class TermPrice(Money):
    """Heads of one term and the price of a head."""

    term: Term
    term_label: str = Field(description="半年/全年")
    head_fee_fen: int = Field(description="每人保障费用，以下为每人各方承担")
    head_subsidy_fen: int
    head_district_fen: int
    head_union_fen: int


class EnrolmentDetail(Enrolment):
    """A list with its money by term."""

    terms: list[TermPrice]


class StateTotals(Money):
    """A tab of the list."""

    state: str
    state_label: str
    lists: int


class EnrolmentPage(Page[Enrolment]):
    """A page of lists; the tabs count whatever the filters but the state leave."""

    tabs: list[StateTotals] | None = Field(None, description="各状态合计；仅第一页给出")


class Candidate(BaseModel):
    """A member of the union: who can be on the list with what cover, who cannot and why."""

    member_id: int
    number: str | None = Field(description="会员编号")
    name: str
    document_type: str
    document_number: str = Field(description="掩码")
    card_number_end: str | None = Field(description="银行卡号末四位")
    eligible: bool
    reason: LeftOut | None
    reason_text: str | None = Field(description="未列入的原因")
    remedy: str | None
    first_day: date | None = Field(description="起保日期")
    last_day: date | None = Field(description="终保日期")
    term: Term | None
    term_label: str | None


class ReasonCount(BaseModel):
    """How many are left out for a reason."""

    reason: LeftOut
    reason_text: str
    members: int


class CandidatePage(Page[Candidate]):
    """A page of candidates."""

    eligible: int | None = Field(None, description="可参保人数；仅第一页给出")
    left_out: list[ReasonCount] | None = Field(None, description="未列入的人数，按原因；仅第一页给出")


class Preview(Money):
    """What a submission would come to; nothing is made."""

    class_code: str
    class_fixed: bool = Field(description="本会本年度的保障类型已确定，不可更换")
    without_subsidy_fen: int = Field(description="不含市总补贴的金额；fee_fen 为含补贴的金额")
    terms: list[TermPrice]
    first_day: date = Field(description="起保日期；新办卡人员为最早的一人")
    last_day: date = Field(description="终保日期")
    submit_until: date | None = Field(description="提交截止日（含）")
    pay_until: date | None = Field(description="向区局缴费的截止日（含）；即时参保由区局通知")


class ListMember(BaseModel):
    """One member of a list."""

    policy_id: int
    member_id: int
    number: str | None
    name: str
    document_type: str
    document_number: str = Field(description="掩码")
    card_number_end: str | None
    first_day: date
    last_day: date
    term: Term
    term_label: str


def money_of(sums: Sums) -> dict[str, int]:
    """Sums as :class:`Money` shows them."""
    return {name: getattr(sums, name) for name in Money.model_fields}


def as_enrolment(row: Any) -> Enrolment:
    """For the list; a row of :func:`insurance_svc.enrolments.lists.page`."""
    return Enrolment.model_validate(_fields(row))


def as_detail(row: Any, prices: list[TermPrice]) -> EnrolmentDetail:
    """For one list."""
    return EnrolmentDetail.model_validate(_fields(row) | {"terms": prices})


def _fields(row: Any) -> dict[str, Any]:
    return dict(row._mapping) | {
        "state": row.shown_state,
        "state_label": rules.LABELS[row.shown_state],
        "way_label": Way(row.way).label,
    }


def term_price(price: Any, heads: int) -> TermPrice:
    """A price (its row or :class:`~insurance_svc.enrolments.rules.Price`) and what it comes to."""
    term = Term(price.term)
    return TermPrice(
        term=term,
        term_label=term.label,
        heads=heads,
        fee_fen=price.fee_fen * heads,
        subsidy_fen=price.subsidy_fen * heads,
        district_fen=price.district_fen * heads,
        union_fen=price.union_fen * heads,
        head_fee_fen=price.fee_fen,
        head_subsidy_fen=price.subsidy_fen,
        head_district_fen=price.district_fen,
        head_union_fen=price.union_fen,
    )


def as_candidate(personal: PersonalData, row: Any, last_day: date) -> Candidate:
    """A row of :func:`insurance_svc.enrolments.eligible.page`."""
    eligible = row.reason is None
    left_out = None if eligible else LeftOut(row.reason)
    return Candidate(
        member_id=row.member_id,
        number=row.number,
        name=personal.name(row.member_id, row.name),
        document_type=row.document_type,
        document_number=personal.masked_document(row.member_id, row.document_number),
        card_number_end=row.number_end,
        eligible=eligible,
        reason=left_out,
        reason_text=left_out.reason if left_out else None,
        remedy=left_out.remedy if left_out else None,
        first_day=row.first_day if eligible else None,
        last_day=last_day if eligible else None,
        term=Term(row.term) if eligible else None,
        term_label=Term(row.term).label if eligible else None,
    )


def as_member(personal: PersonalData, row: Any) -> ListMember:
    """A row of :func:`insurance_svc.enrolments.lists.members_page`."""
    return ListMember.model_validate(
        dict(row._mapping)
        | {
            "name": personal.name(row.member_id, row.name),
            "document_number": personal.masked_document(row.member_id, row.document_number),
            "term_label": Term(row.term).label,
        }
    )
