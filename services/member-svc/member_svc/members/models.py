"""Members as endpoints show them."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from member_svc.members.masking import shown
from member_svc.members.sealing import Sealing
from member_svc.metadata import Row
from unioncard.contracts.cards import CardState
from unioncard.contracts.members import MemberKind, MemberState


class MemberRow(BaseModel):
    """A member in a list (domain 8); document number, mobile and address are masked."""

    id: int
    number: str | None = Field(description="会员编号")
    name: str
    union_id: int
    union_name: str
    state: MemberState = Field(description="用户状态")
    kind: MemberKind
    document_type: str = Field(description="证件类型")
    document_number: str = Field(description="证件号码（部分隐藏）")
    sex: str
    address: str = Field(description="联系地址（部分隐藏）")
    mobile: str = Field(description="移动电话（部分隐藏）")
    has_card: bool = Field(description="已办会员卡")
    card_state: CardState = Field(description="办卡状态")
    under_review: bool = Field(description="修改审核中")


class MemberDetail(MemberRow):
    """One member with every field; the sensitive ones stay masked."""

    birth_date: date
    document_expiry: date | None = Field(description="证件到期日；9999-12-31 为长期")
    nationality: str | None
    education: str
    household: str
    grade: str
    post: str
    version: int


class Revealed(BaseModel):
    """The sensitive fields in full, after a purpose was given and written to the audit log."""

    id: int
    name: str
    document_number: str
    mobile: str
    address: str


class Purpose(BaseModel):
    """Why somebody needs to see the fields in full."""

    purpose: Annotated[str, StringConstraints(min_length=2, max_length=200, pattern=r"^[^\x00]*$")] = Field(
        description="查看用途", examples=["核对领卡材料"]
    )


def member_fields(row: Row, sealing: Sealing) -> dict[str, Any]:
    """The fields of :class:`MemberDetail`, opened and masked."""
    plain = {**row, **sealing.open(row["id"], row)}
    masked = {
        name: shown(name, plain[name]) for name in ("document_type", "document_number", "sex", "address", "mobile")
    }
    return plain | masked | {"has_card": row["card_state"] == CardState.ISSUED}
