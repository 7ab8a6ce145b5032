"""What goes over the wire between card-svc and the two offices."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

QUERY_LIMIT = 1_000

Ref = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)] | Annotated[str, Field(min_length=1, max_length=100)]
PopulationStatus = Literal["in_service", "retired", "deceased", "unknown"]
SocialSecurityStatus = Literal["none", "unemployment_benefit", "retired"]


class Person(BaseModel):
    """Someone asked about."""

    model_config = ConfigDict(hide_input_in_errors=True)

    ref: Ref = Field(description="the asker's own reference, echoed")
    name: Annotated[str, Field(min_length=1, max_length=200)]
    document_number: Annotated[str, Field(min_length=1, max_length=64)]


class Question(BaseModel):
    """At most 1,000 people at a time."""

    model_config = ConfigDict(hide_input_in_errors=True)

    query_id: Annotated[str, Field(min_length=1, max_length=200)]
    people: Annotated[list[Person], Field(min_length=1, max_length=QUERY_LIMIT)]


class PopulationResult(BaseModel):
    """What the population office knows of one person."""

    ref: Ref
    status: PopulationStatus


class PopulationAnswer(BaseModel):
    """One result per person, in the order of the question."""

    query_id: str
    results: list[PopulationResult]


class SocialSecurityResult(BaseModel):
    """What the social-security office knows of one person."""

    ref: Ref
    status: SocialSecurityStatus


class SocialSecurityAnswer(BaseModel):
    """One result per person, in the order of the question."""

    query_id: str
    results: list[SocialSecurityResult]


Numbers = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=200_000)]


class People(BaseModel):
    """Document numbers by what an office says of them; a number named again takes its new status."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    population: dict[PopulationStatus, Numbers] = Field({}, examples=[{"retired": ["310101195001010011"]}])
    social_security: dict[SocialSecurityStatus, Numbers] = Field({}, examples=[{"unemployment_benefit": []}])
