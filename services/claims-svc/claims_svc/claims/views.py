"""A claim as it is shown to those who may see it."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims import store
from claims_svc.claims.assessing import HOSPITAL, ILLNESS
from claims_svc.claims.filing import opened_heir
from claims_svc.claims.rules import (
    BENEFIT_LABELS,
    EVENT_LABELS,
    PAYEE_LABELS,
    STATE_LABELS,
    ClaimEvent,
    HospitalPlace,
    PayeeKind,
)
from claims_svc.illnesses import store as illnesses
from claims_svc.personal import PersonalData
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import Benefit
from unioncard.documents import mask_document

Number = Annotated[str, Path(pattern=r"^GF[0-9]{3}[0-9]{8}[0-9]{6}$", examples=["GF36320200310000001"])]


class ReasonShown(BaseModel):
    """不予给付或少给付的一项理由。"""

    code: str
    rule: str = Field(description="依据，如 G19 Q88")
    text: str


class PartShown(BaseModel):
    """一份保单名下的给付。金额以分为单位。"""

    policy_id: int
    coverage_year: int
    class_code: str
    nights: int = Field(description="申请的住院天数")
    days: int = Field(description="计入的住院天数")
    claimed_fen: int
    payable_fen: int = Field(description="按规则最多可给付")
    approved_fen: int


class HeirShown(BaseModel):
    """继承人，证件和账号隐去中间位数。"""

    name: str
    document_number: str
    bank: str
    account_end: str


class ClaimShown(BaseModel):
    """一份给付申请。金额以分为单位。"""

    number: str
    state: ClaimState
    state_label: str
    version: int
    member_id: int
    member_number: str
    member_name: str
    member_document: str
    union_id: int
    union_name: str
    district_id: int
    district_name: str
    filed_by_role: str
    filed_at: datetime
    benefit: Benefit
    benefit_label: str
    event: ClaimEvent
    event_label: str
    event_day: date
    last_day: date
    illness_code: str | None
    illness_name: str | None
    first_diagnosis: bool
    in_patient: bool
    hospital: str | None
    hospital_place: HospitalPlace | None
    hospital_level: int | None
    payee: PayeeKind
    payee_label: str
    account_id: int | None
    heir: HeirShown | None
    coverage_year: int | None
    class_code: str | None
    cover_state: str | None
    cover_checked_at: datetime | None
    file_until: date | None
    listed: bool | None = Field(description="是否在当年疾病目录内；为空：不适用或目录尚未载全")
    claimed_fen: int
    approved_fen: int
    refused_fen: int
    parts: list[PartShown]
    reasons: list[ReasonShown]
    missing: int = Field(description="尚缺材料项数")
    district_stamp: bool = Field(description="尚缺区局（产业）工会盖章")
    due_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    appeal_until: datetime | None
    appeals: int


async def shown(conn: AsyncConnection, personal: PersonalData, row: Any) -> ClaimShown:
    """A claim that was found with its names (:func:`claims_svc.claims.store.find`)."""
    number = row.number
    code = personal.decrypt(ILLNESS, number, row.illness_code) if row.illness_code else None
    names = await illnesses.names(conn, [code]) if code else {}
    heir = await store.heir(conn, number) if row.payee == PayeeKind.HEIR else None
    return ClaimShown.model_validate(
        dict(row._mapping)
        | {
            "state_label": STATE_LABELS[ClaimState(row.state)],
            "member_name": personal.name(row.member_id, row.member_name),
            "member_document": personal.masked_document(row.member_id, row.member_document),
            "benefit_label": BENEFIT_LABELS[Benefit(row.benefit)],
            "event_label": EVENT_LABELS[ClaimEvent(row.event)],
            "illness_code": code,
            "illness_name": names.get(code) if code else None,
            "hospital": personal.decrypt(HOSPITAL, number, row.hospital) if row.hospital else None,
            "payee_label": PAYEE_LABELS[PayeeKind(row.payee)],
            "heir": _heir(personal, number, heir),
            "parts": [dict(part._mapping) for part in await store.parts(conn, number)],
        }
    )


def _heir(personal: PersonalData, number: str, row: Any) -> dict[str, str] | None:
    if row is None:
        return None
    plain = opened_heir(personal, number, row)
    return {
        "name": plain["name"],
        "document_number": mask_document(plain["document_number"]),
        "bank": plain["bank"],
        "account_end": row.account_end,
    }
