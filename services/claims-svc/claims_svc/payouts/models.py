"""What the bank says about payouts, in callbacks and in its nightly file."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
Short = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]


class PayoutResult(BaseModel):
    """The outcome of one payout: the money arrived, or came back with a reason."""

    model_config = ConfigDict(hide_input_in_errors=True)

    payout_number: Word
    amount_fen: Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
    status: Literal["paid", "returned"]
    reason_code: Short | None = None
    reason: Reason | None = None


class PayoutAnswer(BaseModel):
    """Outcomes of payouts of one batch: a callback, or an entry of the payout file."""

    model_config = ConfigDict(hide_input_in_errors=True)

    answer_id: Word
    batch_number: Word
    answered_at: AwareDatetime
    results: list[PayoutResult] = Field(max_length=10_000)


class PayoutFilePage(BaseModel):
    """A page of the nightly payout file."""

    model_config = ConfigDict(hide_input_in_errors=True)

    batches: list[PayoutAnswer]
    next_cursor: str | None = None


class Filed(BaseModel):
    """What became of an answer. The bank has nothing to do, whatever the counts."""

    results: int = Field(description="本次收到的结果数")
    news: int = Field(description="首次得知的结果数")
    repeats: int = Field(description="已知结果数")
    set_aside: int = Field(description="留待核对的结果数")
