"""How the partners behave: what goes wrong, how often, and a generator of chances that repeats itself.

Set for good by ``UNIONCARD_SANDBOX_BEHAVIOUR`` (JSON), until reset by ``PUT /control/behaviour``, or for one request
by the header ``X-Sandbox-Behaviour`` (JSON); each may name only the fields that it changes.
"""

from hashlib import blake2b
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

HEADER = "X-Sandbox-Behaviour"

Rate = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0, le=3_600_000)]
Partner = Literal["bank", "population", "social_security", "mail"]
Fault = Literal["error", "timeout", "reset"]


class Faults(BaseModel):
    """What can happen to one request. Of error, time-out and reset at most one happens: the rates add up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_ms: Milliseconds = Field(0, description="wait before anything is done")
    error_rate: Rate = Field(0.0, description="HTTP 500, nothing done")
    timeout_rate: Rate = Field(0.0, description="the work is done, the answer comes only after timeout_ms")
    timeout_ms: Milliseconds = Field(60_000, description="how late a timed-out answer is")
    reset_rate: Rate = Field(0.0, description="the connection is reset: half of them before the work, half after it")


class BankBehaviour(Faults):
    """The bank as callers see it, and how it judges members."""

    answer_delay_ms: Milliseconds = Field(500, description="from accepting a batch to knowing its outcomes")
    fail_rate: Rate = Field(0.0, description="share of members refused for a reason the data does not show")
    return_rate: Rate = Field(0.0, description="share of payouts sent back for a reason that nobody could foresee")
    check_names: bool = Field(True, description="refuse names outside GBK or over ten Chinese characters (normal)")
    check_expiry: bool = Field(True, description="refuse documents that have expired")


class CallbackBehaviour(BaseModel):
    """How the bank's answers travel to the platform. The nightly files always have everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_ms: Milliseconds = Field(0, description="from knowing the outcomes to the first callback")
    silent_rate: Rate = Field(0.0, description="share of batches without any callback")
    duplicate_rate: Rate = Field(0.0, description="share of callbacks that come a second time")
    duplicate_gap_ms: Milliseconds = Field(50, description="between a callback and its duplicate")
    out_of_order_rate: Rate = Field(0.0, description="share of batches answered in several shuffled callbacks")
    spread_ms: Milliseconds = Field(20, description="between the callbacks of one batch")
    half_rate: Rate = Field(0.0, description="share of batches whose callbacks leave members out")
    half_share: Rate = Field(0.5, description="share of members left out of a half answer")
    unknown_rate: Rate = Field(0.0, description="share of batches followed by an answer for a batch that never was")
    tries: int = Field(40, ge=1, le=1000, description="after so many without 2xx or 4xx the bank gives up")
    backoff_ms: Annotated[int, Field(ge=1, le=60_000)] = Field(200, description="after the first try; then doubled")
    backoff_max_ms: Milliseconds = Field(15_000, description="the longest wait between two tries")
    timeout_ms: Annotated[int, Field(ge=1, le=600_000)] = Field(30_000, description="how long the platform may take")


class Behaviour(BaseModel):
    """All partners, and the seed of every chance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: str = Field("unioncard", max_length=100)
    bank: BankBehaviour = BankBehaviour()
    population: Faults = Faults()
    social_security: Faults = Faults()
    mail: Faults = Faults()
    callback: CallbackBehaviour = CallbackBehaviour()

    def changed(self, patch: dict[str, Any]) -> "Behaviour":
        """This behaviour with the fields that the patch names; raises ``pydantic.ValidationError``."""
        whole: dict[str, Any] = self.model_dump()
        for name, value in patch.items():
            known = whole.get(name)
            whole[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        return Behaviour.model_validate(whole)

    def faults(self, partner: Partner) -> Faults:
        """The faults of one partner's requests."""
        faults: Faults = getattr(self, partner)
        return faults


def chance(seed: str, *what: object) -> float:
    """A number in [0, 1), the same for the same seed and subject on every machine and after every restart."""
    subject = "\x1f".join((seed, *map(str, what))).encode()
    return int.from_bytes(blake2b(subject, digest_size=8).digest()) / 2**64


def fault_of(faults: Faults, seed: str, *what: object) -> Fault | None:
    """Which fault, if any, befalls this request."""
    drawn = chance(seed, "fault", *what)
    limit = 0.0
    rates: tuple[tuple[Fault, float], ...] = (
        ("error", faults.error_rate),
        ("timeout", faults.timeout_rate),
        ("reset", faults.reset_rate),
    )
    for name, rate in rates:
        limit += rate
        if drawn < limit:
            return name
    return None
