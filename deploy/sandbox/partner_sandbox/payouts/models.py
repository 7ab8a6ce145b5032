"""What goes over the wire between claims-svc and the bank."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from partner_sandbox.bank.accounts import ReturnCode

BATCH_LIMIT = 10_000

Number = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Fen = Annotated[int, Field(strict=True, ge=1, le=10**12)]
Day = Annotated[date, Field(strict=True)]
Status = Literal["paid", "returned"]


class Payout(BaseModel):
    """One transfer. Fields the bank does not know are ignored."""

    model_config = ConfigDict(hide_input_in_errors=True)

    payout_number: Number = Field(description="echoed in the answer; paid once, however often it comes")
    kind: Literal["card", "account"] = Field(description="a card of this bank, or an account anywhere")
    account_number: Annotated[str, Field(pattern=r"^[0-9]{6,32}$")]
    holder_name: Annotated[str, Field(min_length=1, max_length=200)]
    amount_fen: Fen
    limits_exempt: bool = Field(False, description="passes the limits of a class II account (G19 Q93)")
    purpose: str = Field("", max_length=200)


class PayoutBatch(BaseModel):
    """A payout batch (划款批次) with its control totals."""

    model_config = ConfigDict(hide_input_in_errors=True)

    batch_number: Number
    count: Annotated[int, Field(strict=True, ge=1)]
    total_fen: Fen
    payouts: Annotated[list[Payout], Field(min_length=1, max_length=BATCH_LIMIT)]

    @model_validator(mode="after")
    def _each_payout_once(self) -> "PayoutBatch":
        if len({one.payout_number for one in self.payouts}) != len(self.payouts):
            raise ValueError("a payout_number occurs twice")
        return self


class PayoutsAccepted(BaseModel):
    """The bank has the batch; a repeat gets the same answer."""

    batch_number: str
    accepted_at: datetime
    count: int
    total_fen: int


class PayoutResult(BaseModel):
    """The outcome of one payout: the money has arrived, or came back."""

    payout_number: str
    amount_fen: int
    status: Status
    reason_code: str | None = Field(None, description="only when returned")
    reason: str | None = Field(None, description="in Chinese; only when returned")


class PayoutAnswer(BaseModel):
    """A signed callback to claims-svc, and an entry of the payout file."""

    answer_id: str = Field(description="duplicates of a callback carry the same; the file has its own")
    batch_number: str
    answered_at: datetime
    complete: bool = Field(description="this answer alone holds every payout it is about")
    results: list[PayoutResult]


class PayoutFilePage(BaseModel):
    """A page of the nightly payout file."""

    date: Day
    batches: list[PayoutAnswer]
    next_cursor: str | None = Field(description="None on the last page")


class PayoutReturn(BaseModel):
    """Money that had arrived comes back all the same (control)."""

    payout_number: Number
    reason_code: ReturnCode
