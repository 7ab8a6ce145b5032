"""What the bank says of the accounts behind cards, in callbacks and in its nightly life file."""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from card_svc.bank.models import Word
from card_svc.cardlife.news import Standing
from card_svc.cardlife.rules import AccountClass, LifeState
from unioncard.dates import shanghai_date
from unioncard.web.fields import Day

# A page of the file, or a callback.
LIVES_AT_ONCE = 1_000

CardNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{12,19}$")]
# A bank's clock may be wrong, but what is reckoned from its dates must stay within the calendar.
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]
_LOST = (LifeState.LOST_BY_PHONE, LifeState.LOST_IN_WRITING)


class Life(BaseModel):
    """An account as it stands at the bank. Of two, the one with the higher sequence is the newer."""

    model_config = ConfigDict(hide_input_in_errors=True)

    numbers: list[CardNumber] = Field(min_length=1, max_length=100, description="账户用过的全部卡号，现用的在最后")
    sequence: int = Field(ge=1, lt=2**63, description="账户变动的序号")
    changed_at: Moment
    state: LifeState
    account_class: AccountClass
    activated_on: Day | None = None
    lost_at: Moment | None = None
    numbers_kept: int = Field(0, ge=0, lt=2**31, description="现用卡号补换卡时保留的次数")

    @model_validator(mode="after")
    def _lost_when_lost(self) -> Self:
        if (self.state in _LOST) != (self.lost_at is not None):
            raise ValueError("lost_at comes with a loss, and only then")
        return self

    @property
    def standing(self) -> Standing:
        """As the card log compares it."""
        return Standing(
            self.numbers[-1][-4:],
            self.state,
            self.account_class,
            self.activated_on,
            shanghai_date(self.lost_at) if self.lost_at else None,
            self.numbers_kept,
        )


class Notice(BaseModel):
    """A callback: accounts that have just changed."""

    model_config = ConfigDict(hide_input_in_errors=True)

    notice_id: Word
    lives: list[Life] = Field(max_length=LIVES_AT_ONCE)


class LifePage(BaseModel):
    """A page of the nightly life file."""

    model_config = ConfigDict(hide_input_in_errors=True)

    lives: list[Life] = Field(max_length=10_000)
    next_cursor: str | None = None
