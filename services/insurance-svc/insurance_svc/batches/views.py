"""What HTTP shows of lists under review and of batches."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from insurance_svc.batches.rules import STATE_LABELS, Money
from insurance_svc.personal import PersonalData
from insurance_svc.seasons.rules import SCHEME_NAMES
from unioncard.contracts.insurance import PremiumState, Scheme
from unioncard.web.pages import Page

Number = Annotated[str, Path(pattern=r"^CB[0-9]{12}$", examples=["CB201912280001"])]
Year = Annotated[int, Field(ge=2000, le=2999, description="保障年度", examples=[2020])]


class Strict(BaseModel):
    """A request body that takes no unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Sums(BaseModel):
    """人数与四项金额，单位为分；保费 = 补贴 + 区局 + 基层。"""

    lists: int
    heads: int
    fee_fen: int = Field(description="保费")
    subsidy_fen: int = Field(description="市总补贴")
    district_fen: int = Field(description="区局承担")
    union_fen: int = Field(description="基层承担")


class ClassSums(Sums):
    """一个档次的合计。"""

    class_code: str


class ReviewTotals(BaseModel):
    """区局审核的合计。"""

    waiting: Sums = Field(description="区局确认中")
    basket: Sums = Field(description="待提交")
    basket_by_class: list[ClassSums]
    left_out: Sums = Field(description="待提交中因基层尚未缴费而不能提交的名单")
    credit_available_fen: int = Field(description="可用的清算分配款；仅用于集中参保")
    credit_fen: int = Field(description="本次提交可抵用的清算分配款")
    due_fen: int = Field(description="本次提交后应缴金额")


class ReviewList(BaseModel):
    """区局审核中的一份名单。"""

    id: int
    union_id: int
    union_name: str
    credit_code: str | None = Field(description="工会的统一社会信用代码")
    way: str
    state: str
    class_code: str
    heads: int
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int
    paid_fen: int = Field(description="基层已缴")
    paid_on: date | None
    unpaid: bool = Field(description="基层尚未足额缴费，不能随区局提交")
    submitted_at: datetime
    return_reason: str | None = Field(description="中心退回批次的原因")


class Batch(BaseModel):
    """参保批次列表的一行。"""

    number: str
    district_id: int
    district_name: str
    district_code: str
    scheme: Scheme
    scheme_label: str
    coverage_year: int
    state: PremiumState
    state_label: str
    lists: int
    heads: int
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int
    credit_fen: int = Field(description="抵用的清算分配款")
    due_fen: int = Field(description="应缴金额")
    received_fen: int = Field(description="按起息日及时到账的金额")
    submitted_at: datetime
    changed_at: datetime
    reviewed_at: datetime | None = Field(description="中心审核时间")
    return_reason: str | None
    due_on: date | None = Field(description="缴费截止日（含）")
    vouchers: int = Field(description="已上传的缴费凭证数")
    details_sent_at: datetime | None = Field(description="缴费明细发送时间")
    written_off_at: datetime | None = Field(description="核销时间")
    voided_at: datetime | None
    void_reason: str | None


class BatchPage(Page[Batch]):
    """A page of batches with the counts of its tabs."""

    states: dict[PremiumState, int] | None = Field(None, description="各状态的批次数；仅第一页给出")


class BatchSum(BaseModel):
    """批次中一个档次、一种保费的合计。"""

    class_code: str
    term: str
    heads: int
    fee_fen: int
    subsidy_fen: int
    district_fen: int
    union_fen: int


class BatchDetail(Batch):
    """A batch with its sums by class and its operator."""

    sums: list[BatchSum]
    operator_name: str
    operator_phone: str = Field(description="掩码")
    operator_email: str = Field(description="掩码")
    excluded: int = Field(description="集中参保名单中经市人口办核查不符合参保条件的会员数")
    exclusions_checked_at: datetime | None = Field(description="市人口办核查完成时间；为空表示尚未核查完")


def sums(money: Money) -> Sums:
    """As HTTP shows them."""
    return Sums(
        lists=money.lists,
        heads=money.heads,
        fee_fen=money.fee_fen,
        subsidy_fen=money.subsidy_fen,
        district_fen=money.district_fen,
        union_fen=money.union_fen,
    )


def as_batch(row: Any) -> Batch:
    """For the list."""
    return Batch.model_validate(_fields(row))


def as_detail(personal: PersonalData, row: Any, by_class: Any, excluded: int) -> BatchDetail:
    """For one batch."""
    phone = personal.decrypt("operator_phone", row.number, row.operator_phone)
    name, _, host = personal.decrypt("operator_email", row.number, row.operator_email).partition("@")
    return BatchDetail.model_validate(
        _fields(row)
        | {
            "sums": [dict(one._mapping) for one in by_class],
            "operator_name": personal.decrypt("operator_name", row.number, row.operator_name),
            "operator_phone": f"{phone[:3]}****{phone[-4:]}" if len(phone) > 7 else "****",
            "operator_email": f"{name[:1]}***@{host}",
            "excluded": excluded,
        }
    )


def _fields(row: Any) -> dict[str, Any]:
    return dict(row._mapping) | {
        "scheme_label": SCHEME_NAMES[row.scheme],
        "state_label": STATE_LABELS[PremiumState(row.state)],
    }
