"""What HTTP shows of batches."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from card_svc.batches import rules
from card_svc.batches.events import counts_of, milestones_of
from card_svc.batches.rules import BatchState, Pickup
from card_svc.personal import PersonalData
from unioncard.contracts.cards import BatchCounts, Channel


class Batch(BaseModel):
    """A row of the list of batches (办卡批次管理)."""

    number: str = Field(description="批次编号")
    union_id: int
    union_name: str
    district_code: str
    channel: Channel
    state: BatchState
    state_label: str
    members: int = Field(description="办理总人数")
    counts: BatchCounts
    submitted_at: datetime
    accepted_at: datetime | None = Field(description="银行受理时间")
    answered_at: datetime | None = Field(description="银行反馈时间")
    branch: str = Field(description="发卡支行；特殊通道为“-”")
    outlet_name: str = Field(description="经办网点；特殊通道为“-”")
    outlet_address: str = Field(description="网点地址；特殊通道为“-”")
    register_printed_at: datetime | None = Field(description="首次打印清册的时间")
    numbers_due_at: datetime | None
    call_due_at: datetime | None
    call_due_provisional: bool
    called_on: date | None = Field(description="银行来电日期")
    late: bool = Field(description="卡号逾期未生成")
    overdue: bool = Field(description="银行逾期未通知领卡")
    refused_reason: str | None
    closed_at: datetime | None
    close_reason: str | None


class BatchDetail(Batch):
    """A batch with its contact."""

    contact_name: str
    contact_mobile: str = Field(description="掩码")


class Submitted(BaseModel):
    """The batches a submission made."""

    batches: list[Batch]


class BatchMember(BaseModel):
    """One member of a batch."""

    place: int = Field(description="序号")
    member_id: int
    member_number: str
    name: str
    document_type: str
    document_number: str = Field(description="掩码")
    outcome: Literal["waiting", "issued", "failed"]
    card_number: str | None = Field(description="掩码")
    reason: str | None = Field(description="失败原因")
    answered_at: datetime | None
    pickup: Pickup | None
    picked_up_on: date | None


class PickedUp(BaseModel):
    """How a batch stands after pickups were recorded."""

    recorded: int = Field(description="本次新登记的人数")
    counts: BatchCounts
    state: BatchState


def batch_fields(row: Any, now: datetime) -> dict[str, Any]:
    """A batch's row as :class:`Batch` shows it."""
    milestones = milestones_of(row)
    return dict(row._mapping) | {
        "state_label": rules.STATE_LABELS[milestones.state],
        "counts": counts_of(row),
        # Whoever goes to any outlet in person has chosen none (M24 shows "-").
        "branch": row.branch or "-",
        "outlet_name": row.outlet_name or "-",
        "outlet_address": row.outlet_address or "-",
        "late": rules.is_late(milestones, now),
        "overdue": rules.is_overdue(milestones, now),
    }


def as_batch(row: Any, now: datetime) -> Batch:
    """For the list."""
    return Batch.model_validate(batch_fields(row, now))


def as_detail(personal: PersonalData, row: Any, now: datetime) -> BatchDetail:
    """For one batch."""
    mobile = personal.decrypt("contact_mobile", row.number, row.contact_mobile)
    contact = {
        "contact_name": personal.decrypt("contact_name", row.number, row.contact_name),
        "contact_mobile": f"{mobile[:3]}****{mobile[-4:]}",
    }
    return BatchDetail.model_validate(batch_fields(row, now) | contact)


def as_member(personal: PersonalData, row: Any) -> BatchMember:
    """For a batch's list of members."""
    return BatchMember.model_validate(
        dict(row._mapping)
        | {
            "name": personal.name(row.member_id, row.name),
            "document_number": personal.masked_document(row.member_id, row.document_number),
            "card_number": personal.masked_card(row.member_id, row.card_number),
        }
    )
