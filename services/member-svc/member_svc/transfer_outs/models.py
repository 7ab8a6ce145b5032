"""What the transfer-out endpoints take and show."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from member_svc.imports.rules import MAX_ROWS
from member_svc.transfer_outs.columns import OutReason
from unioncard.web.fields import Id, Text


class TransferOutKind(StrEnum):
    """Chosen in the list (转出), one or several, or sent as a file (批量转出会员)."""

    CHOSEN = "chosen"
    FILE = "file"


class TransferOutState(StrEnum):
    """状态: a transfer-out takes effect at once; a file with bad rows changes nothing."""

    REFUSED_BY_CHECK = "refused_by_check"
    DONE = "done"


class ChosenMembers(BaseModel):
    """Members of the own union to let go, for one reason."""

    member_ids: list[Id] = Field(min_length=1, max_length=MAX_ROWS, description="所选会员，1 至 1000 人")
    reason: OutReason = Field(description="转出原因")
    note: Text | None = Field(None, description="说明")


class TransferOutView(BaseModel):
    """A transfer-out as lists show it."""

    id: int
    union_id: int
    union_name: str
    kind: TransferOutKind
    state: TransferOutState
    file_name: str
    rows: int = Field(description="转出人数；未通过检查时为文件的行数")
    bad_rows: int = Field(description="未通过检查的行")
    asked_by: int
    asked_at: datetime


class TransferOutItem(BaseModel):
    """One member that was let go."""

    line: int = Field(description="行号")
    member_id: int
    number: str = Field(description="会员编号")
    name: str
    document_number: str = Field(description="证件号码（部分隐藏）")
    reason: OutReason = Field(description="转出原因")
    note: str | None = Field(description="说明")


def transfer_out_view(row: Any) -> TransferOutView:
    """A row of the store as it is shown."""
    return TransferOutView.model_validate({name: row[name] for name in TransferOutView.model_fields})
