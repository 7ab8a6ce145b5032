"""What the import endpoints show."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from member_svc.imports.matching import ItemKind


class ImportState(StrEnum):
    """导入状态."""

    REFUSED_BY_CHECK = "refused_by_check"
    WAITING = "waiting"
    APPROVED = "approved"
    PARTLY_APPROVED = "partly_approved"
    REFUSED = "refused"


class ItemState(StrEnum):
    """审核状态 of one row."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class ImportKind(StrEnum):
    """批量导入 of a file, or a single addition or change."""

    FILE = "file"
    SINGLE = "single"


class ImportView(BaseModel):
    """An import as lists show it."""

    id: int
    union_id: int
    union_name: str
    superior_id: int | None = Field(description="直属上级工会：由它审核")
    kind: ImportKind
    state: ImportState
    file_name: str
    rows: int = Field(description="行数，不含表头和空行")
    new_rows: int = Field(description="新增")
    changed_rows: int = Field(description="修改")
    returning_rows: int = Field(description="重新入会（原无所属工会）")
    unchanged_rows: int = Field(description="与系统一致，无需处理")
    bad_rows: int = Field(description="未通过检查的行")
    approved_rows: int
    refused_rows: int
    asked_by: int
    asked_at: datetime
    decided_by: int | None
    decided_at: datetime | None
    reason: str | None = Field(description="审核说明")


class FieldChange(BaseModel):
    """One field of a member before and after; document numbers, mobiles and addresses are masked."""

    field: str
    before: str | None
    after: str | None


class ItemView(BaseModel):
    """One row of an import."""

    line: int = Field(description="行号")
    member_id: int
    kind: ItemKind
    state: ItemState
    name: str
    document_number: str = Field(description="证件号码（部分隐藏）")
    changes: list[FieldChange]
    decided_by: int | None
    decided_at: datetime | None
    reason: str | None


def import_view(row: Any) -> ImportView:
    """A row of the store as it is shown."""
    return ImportView.model_validate({name: row[name] for name in ImportView.model_fields})
