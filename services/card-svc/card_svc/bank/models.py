"""What the bank says, in callbacks and in its nightly state file."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
# The bank echoes the reference we sent: our id of the member. Anything else is set aside.
MemberRef = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)] | Word


class Result(BaseModel):
    """The outcome for one member: a card, or a reason."""

    model_config = ConfigDict(hide_input_in_errors=True)

    member_id: MemberRef
    status: Literal["issued", "failed"]
    card_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{12,19}$")] | None = None
    issued_at: AwareDatetime | None = None
    reason_code: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")] | None = None
    reason: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] | None = None

    @model_validator(mode="after")
    def _card_when_issued(self) -> Self:
        if (self.status == "issued") != (self.card_number is not None):
            raise ValueError("card_number comes with issued, and only then")
        return self


class Answer(BaseModel):
    """Outcomes of one batch: a callback, or an entry of the state file."""

    model_config = ConfigDict(hide_input_in_errors=True)

    answer_id: Word
    batch_number: Word
    answered_at: AwareDatetime
    results: list[Result] = Field(max_length=10_000)


class StatePage(BaseModel):
    """A page of the nightly state file."""

    model_config = ConfigDict(hide_input_in_errors=True)

    batches: list[Answer]
    next_cursor: str | None = None


class Filed(BaseModel):
    """What became of an answer. The bank has nothing to do, whatever the counts."""

    results: int = Field(description="本次收到的结果数")
    news: int = Field(description="首次得知的结果数")
    repeats: int = Field(description="已知结果数")
    set_aside: int = Field(description="留待核对的结果数")
