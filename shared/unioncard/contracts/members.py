"""What member-svc tells: organisations and members, as state with a version (event-carried state transfer)."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from unioncard.contracts.model import Contract, Event

TOPIC = "member-svc.events"


class OrganisationLevel(StrEnum):
    """Where an organisation stands in the tree (domain 1)."""

    FEDERATION = "federation"
    DISTRICT = "district"
    SECOND_LEVEL = "second_level"
    UNION = "union"


class OrganisationKind(StrEnum):
    """区 (district), 局 (bureau) or 产业 (industry); below a district the kind is that of its district."""

    FEDERATION = "federation"
    DISTRICT = "district"
    BUREAU = "bureau"
    INDUSTRY = "industry"


class Organisation(Contract):
    """One organisation as its readers keep it. ``path`` is ``/1/12/345/``: the ids from the root down, itself last."""

    id: int
    parent_id: int | None
    path: str
    level: OrganisationLevel
    kind: OrganisationKind
    name: str
    district_code: str | None = Field(description="区局编号: three digits, None only for the federation")
    central_enterprise: bool = False
    credit_code: str | None = Field(None, description="统一社会信用代码: a public number")
    version: int


class OrganisationsChanged(Event):
    """Organisations that are new or changed; at most 1,000."""

    TYPE: ClassVar[str] = "member.organisations.changed.v1"
    TOPIC: ClassVar[str] = TOPIC
    organisations: list[Organisation] = Field(max_length=1000)


class MemberState(StrEnum):
    """会员状态 (domain 3)."""

    PENDING = "pending"
    NORMAL = "normal"
    IN_TRANSFER = "in_transfer"
    WITHOUT_UNION = "without_union"


class MemberKind(StrEnum):
    """How the member belongs: through an employer, or by itself (flexible or outside-enterprise, M24)."""

    EMPLOYED = "employed"
    FLEXIBLE = "flexible"
    OUTSIDE = "outside"


class Member(Contract):
    """One member as its readers keep it.

    ``name``, ``document_number``, ``mobile`` and ``address`` are encrypted with the message's data key, bound to the
    field's name and the member's id.
    """

    id: int
    version: int
    union_id: int | None
    number: str | None = Field(description="会员编号: 10 digits, None until approved")
    state: MemberState
    kind: MemberKind
    name: str
    document_type: str
    document_number: str
    document_expiry: date | None
    nationality: str | None
    sex: str
    birth_date: date
    mobile: str
    address: str


class MembersChanged(Event):
    """Members that are new or changed; at most 1,000 and under 512 KB.

    All of one union, or just transferred out of it (``members[].union_id`` is null then and decides), or, told anew,
    without a union for some time.
    """

    TYPE: ClassVar[str] = "member.members.changed.v1"
    TOPIC: ClassVar[str] = TOPIC
    union_id: int | None = Field(description="the union whose members these are or were; null: they have none")
    seal: dict[str, str] = Field(description="the message's data key, wrapped for each reader with its transport key")
    members: list[Member] = Field(max_length=1000)
