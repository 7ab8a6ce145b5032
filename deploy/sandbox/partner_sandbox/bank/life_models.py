"""What is said of the accounts behind cards: in callbacks, in the nightly life file, and at the counter."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from partner_sandbox.bank.life import AccountClass, Act, State
from partner_sandbox.bank.models import Day

LIFE_LIMIT = 1_000

CardNumber = Annotated[str, Field(pattern=r"^[1-9][0-9]{11,18}$")]


class Life(BaseModel):
    """An account as it stands; the higher ``sequence`` of two is the newer."""

    numbers: list[CardNumber] = Field(description="every number it has had, the current one last")
    sequence: int = Field(ge=1, description="changes so far")
    changed_at: datetime
    opened_on: date
    state: State
    account_class: AccountClass
    activated_on: date | None
    lost_at: datetime | None = Field(description="of a loss that stands: by phone it lapses after seven days")
    numbers_kept: int = Field(ge=0, description="replacements that kept the current number; eight at most")


class Told(BaseModel):
    """A signed callback to card-svc: accounts that have just changed."""

    notice_id: str = Field(description="duplicates carry the same")
    lives: list[Life] = Field(max_length=LIFE_LIMIT)


class LifePage(BaseModel):
    """A page of the nightly life file."""

    date: Day
    lives: list[Life]
    next_cursor: str | None = Field(description="None on the last page")


class CounterAct(BaseModel):
    """Something that a customer has done: with one card, with a member's newest, or with each card of a batch."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    act: Act
    card_number: CardNumber | None = None
    member_id: int | str | None = Field(None, description="as the batch named the member")
    batch_number: str | None = None
    account_class: AccountClass | None = Field(None, description="II stays for who has another class I account here")
    keep_number: bool = Field(True, description="with replace")
    opened_on: date | None = Field(
        None,
        ge=date(1990, 1, 1),
        lt=date(3000, 1, 1),
        description="with card_number: of a card the bank made for no batch",
    )

    @model_validator(mode="after")
    def _of_one(self) -> "CounterAct":
        if sum(one is not None for one in (self.card_number, self.member_id, self.batch_number)) != 1:
            raise ValueError("exactly one of card_number, member_id and batch_number")
        return self


class CounterActs(BaseModel):
    """Acts in their order: all of them are done, or none."""

    acts: Annotated[list[CounterAct], Field(min_length=1, max_length=1_000)]
