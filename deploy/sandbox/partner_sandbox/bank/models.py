"""What goes over the wire between card-svc and the bank."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

BATCH_LIMIT = 10_000
CALLBACK_LIMIT = 1_000

Text = Annotated[str, Field(min_length=1, max_length=200)]
Day = Annotated[date, Field(strict=True)]
MemberId = (
    Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)] | Annotated[str, Field(min_length=1, max_length=100)]
)
Status = Literal["issued", "failed"]
ReasonCode = Literal[
    "NAME_NOT_GBK",
    "NAME_TOO_LONG",
    "DOCUMENT_EXPIRED",
    "MOBILE_IN_USE",
    "DOCUMENT_MISMATCH",
    "ADDRESS_INCOMPLETE",
    "ACCOUNT_LIMIT",
]


class Member(BaseModel):
    """One person for whom a card is to be made. Fields the bank does not know are ignored."""

    model_config = ConfigDict(hide_input_in_errors=True)

    member_id: MemberId = Field(description="echoed in the answer")
    member_number: Annotated[str, Field(min_length=1, max_length=32)] = Field(description="会员编号, echoed")
    name: Text
    document_type: Text
    document_number: Text
    document_expiry: Day | None = Field(None, description="证件到期日; 9999-12-31 = long-term")
    nationality: str | None = Field(None, max_length=100)
    sex: str | None = Field(None, max_length=20)
    birth_date: Day | None = None
    mobile: str | None = Field(None, max_length=50)
    address: str | None = Field(None, max_length=500)


class Batch(BaseModel):
    """A card batch (办卡批次) as a union submitted it."""

    model_config = ConfigDict(hide_input_in_errors=True)

    batch_number: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    channel: Literal["normal", "special"]
    outlet_code: str | None = Field(None, max_length=64, description="经办网点; none on the special channel")
    contact_name: Text
    contact_mobile: Text
    members: Annotated[list[Member], Field(min_length=1, max_length=BATCH_LIMIT)]

    @model_validator(mode="after")
    def _each_member_once(self) -> "Batch":
        if len({str(member.member_id) for member in self.members}) != len(self.members):
            raise ValueError("a member_id occurs twice")
        return self


class Accepted(BaseModel):
    """The bank has the batch; a repeat gets the same answer."""

    batch_number: str
    accepted_at: datetime
    received: int = Field(description="members in the batch")


class Result(BaseModel):
    """The outcome for one member: a card, or a reason."""

    member_id: MemberId
    member_number: str
    status: Status
    card_number: str | None = Field(None, description="19 digits with Luhn check digit; only when issued")
    issued_at: datetime | None = Field(None, description="only when issued")
    reason_code: ReasonCode | None = Field(None, description="only when failed")
    reason: str | None = Field(None, description="in Chinese; only when failed")


class Answer(BaseModel):
    """A signed callback to card-svc, and an entry of the state file: outcomes of one batch."""

    answer_id: str = Field(description="duplicates of a callback carry the same; the state file has its own")
    batch_number: str
    answered_at: datetime
    complete: bool = Field(description="this answer alone holds every member of the batch")
    results: list[Result]


class StatePage(BaseModel):
    """A page of the nightly state file."""

    date: Day
    batches: list[Answer]
    next_cursor: str | None = Field(description="None on the last page")


class BatchState(BaseModel):
    """What the bank knows of one batch."""

    batch_number: str
    state: Literal["pending", "answered"]
    accepted_at: datetime
    answer_id: str | None
    answered_at: datetime | None
    complete: bool
    results: list[Result]
