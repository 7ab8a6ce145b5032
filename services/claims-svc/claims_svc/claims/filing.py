"""Filing a claim (给付申请): who may file it for whom, and what is kept of it."""

from datetime import date, timedelta
from typing import Annotated, Any, Self

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.accounts import store as accounts
from claims_svc.claims import events, store
from claims_svc.claims.assessing import HOSPITAL, ILLNESS
from claims_svc.claims.rules import (
    EVENTS_OF,
    MOST_NIGHTS,
    TREATED,
    ClaimEvent,
    HospitalPlace,
    PayeeKind,
    accident_name,
    event_name,
    payees_of,
)
from claims_svc.illnesses.api import IllnessCode
from claims_svc.members import store as members
from claims_svc.personal import PersonalData
from unioncard.auth import Principal, Role
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import Benefit
from unioncard.dates import shanghai_date
from unioncard.names import normalise_name
from unioncard.problems import Problem, invalid, not_found
from unioncard.text import InvalidValue, half_width, without_spaces
from unioncard.unit_of_work import Transaction
from unioncard.web.fields import Day, Id, Text

HEIR_FIELDS = ("name", "document_number", "bank", "account_number")

_ACCOUNT = r"^[0-9]{8,32}$"
_DOCUMENT = r"^[0-9A-Za-z()（）-]{5,30}$"


class Hospital(BaseModel):
    """就诊医院。"""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(description="医院名称", examples=["上海市示例医院"])
    place: HospitalPlace = Field(description="shanghai 本市；outside 外省市")
    level: Annotated[int, Field(ge=1, le=3)] = Field(description="医院等级：一级、二级或三级", examples=[3])


class Heir(BaseModel):
    """继承人及其收款账户（会员身故时）。"""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(description="姓名")
    document_number: Annotated[str, StringConstraints(pattern=_DOCUMENT)] = Field(description="证件号码")
    bank: Text = Field(description="开户行")
    account_number: Annotated[str, StringConstraints(pattern=_ACCOUNT)] = Field(description="银行账号")

    @field_validator("document_number", "account_number", mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return without_spaces(half_width(value)).upper() if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        try:
            return normalise_name(value)
        except InvalidValue as error:
            raise ValueError(f"{error.reason_zh}；{error.remedy_zh}") from None


class Payee(BaseModel):
    """收款方式。"""

    model_config = ConfigDict(extra="forbid")

    payee: PayeeKind = Field(description="own_card 本人会员服务卡；unit_account 区局指定的单位账户；heir 继承人")
    account_id: Id | None = Field(None, description="单位账户的编号，由区局（产业）工会指定；可以后补")
    heir: Heir | None = Field(None, description="收款方式为继承人时必填")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.payee is PayeeKind.HEIR) != (self.heir is not None):
            raise ValueError("收款方式为继承人时，请填写继承人信息；其他方式请不要填写")
        if self.account_id is not None and self.payee is not PayeeKind.UNIT_ACCOUNT:
            raise ValueError("只有划入单位账户时才指定账户")
        return self


_EXAMPLE: dict[str, Any] = {
    "benefit": "critical_illness",
    "event": "illness",
    "event_day": "2020-03-01",
    "illness_code": "malignant_tumour",
    "first_diagnosis": True,
    "in_patient": True,
    "hospital": {"name": "上海市示例医院", "place": "shanghai", "level": 3},
    "payee": "own_card",
}


class OwnClaim(Payee):
    """给付申请：事由、医院和收款方式。"""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    benefit: Benefit
    event: ClaimEvent
    event_day: Day = Field(description="首次确诊日、意外发生日、身故日或入院日")
    discharge_day: Day | None = Field(None, description="出院日（住院天数保障必填）；出院当日不计天数")
    illness_code: IllnessCode | None = Field(None, description="疾病代码（重大疾病保障必填），见疾病目录")
    first_diagnosis: bool = Field(True, description="是否首次确诊")
    in_patient: bool = Field(True, description="是否经住院治疗")
    hospital: Hospital | None = Field(None, description="重大疾病和住院天数保障必填")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.event not in EVENTS_OF[self.benefit]:
            raise ValueError("给付项目与事由不符")
        if self.payee not in payees_of(self.event):
            raise ValueError("会员身故的，请选择单位账户或继承人；其他情形请选择本人会员服务卡或单位账户")
        if (self.benefit is Benefit.CRITICAL_ILLNESS) != (self.illness_code is not None):
            raise ValueError("重大疾病保障须填写疾病代码，其他项目请不要填写")
        if self.benefit in TREATED and self.hospital is None:
            raise ValueError("请填写就诊医院")
        if (self.event is ClaimEvent.STAY) != (self.discharge_day is not None):
            raise ValueError("住院天数保障须填写出院日，其他项目请不要填写")
        if self.discharge_day is not None:
            nights = (self.discharge_day - self.event_day).days
            if not 1 <= nights <= MOST_NIGHTS:
                raise ValueError(f"出院日须晚于入院日，且不超过 {MOST_NIGHTS} 天；更长的住院请分次申请")
        return self

    @property
    def last_day(self) -> date:
        """Of a stay its last night."""
        return self.discharge_day - timedelta(days=1) if self.discharge_day is not None else self.event_day


class Claim(OwnClaim):
    """给付申请，由工会或区局代会员提出。"""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"member_id": 17, **_EXAMPLE}]})

    member_id: Id


async def file_claim(
    tx: Transaction, personal: PersonalData, principal: Principal, member_id: int, claim: OwnClaim
) -> sa.Row[Any]:
    """File a claim; its workflow asks for the cover.

    Raises 404 for a member outside the caller's tree, 422 for days to come, 409 ``same-event`` where the union has
    filed the same event. What another union has filed is found when the claim is assessed, and both claims are shown
    to the centre (decision 25).
    """
    member = await members.to_file_for(tx.conn, principal, member_id)
    if member is None:
        raise not_found("这名会员")
    union_id: int = member.union_id
    today = shanghai_date(tx.now)
    if claim.event_day > today or (claim.discharge_day is not None and claim.discharge_day > today):
        raise invalid("day-to-come", "事由发生日或出院日在今天之后", "请核对日期；尚未出院的，请在出院后申请。")
    if claim.account_id is not None:
        await must_name_account(tx.conn, principal, claim.account_id, member.district_id)
    number = await store.next_number(tx, member.district_code)
    values = {
        "number": number,
        "member_id": member_id,
        "union_id": union_id,
        "district_id": member.district_id,
        "district_code": member.district_code,
        "filed_by_role": principal.role,
        "filed_by": principal.account_id,
        "state": ClaimState.FILED,
        **_kept(personal, number, claim),
    }
    # Asked for while keys rotate too; the unique index holds against whoever files at this moment.
    taken = await _claimed_by_another(tx, personal, union_id, member_id, claim)
    row = None if taken else await store.add(tx, values)
    if row is None:
        if not taken:
            await _claimed_by_another(tx, personal, union_id, member_id, claim)
        # Another union's claim stands: this one does not, until that has fallen.
        row = await store.add(tx, {**values, "standing": False})
        assert row is not None  # nothing that does not stand is refused
    if claim.heir is not None:
        await store.put_heir(tx.conn, number, sealed_heir(personal, number, claim.heir))
    events.changed(tx, row)
    tx.audit("claim.filed", f"claim:{number}", organisation_id=union_id, after={"benefit": claim.benefit})
    return row


async def must_name_account(conn: AsyncConnection, principal: Principal, account_id: int, district_id: int) -> None:
    """403 for anyone but the district, 404 unless it has entered this account and two people have seen it."""
    if principal.role is not Role.DISTRICT:
        raise Problem(403, "account-by-district", "单位账户由区局（产业）工会指定", "请由区局（产业）工会办理。")
    if not await accounts.usable(conn, account_id, district_id):
        raise not_found("这个单位账户")


def _kept(personal: PersonalData, number: str, claim: OwnClaim) -> dict[str, Any]:
    """The claim's own columns; what is medical encrypted."""
    hospital = claim.hospital
    event = event_name(claim.event, claim.event_day, claim.illness_code)
    accident = accident_name(claim.benefit, claim.event_day)
    return {
        "benefit": claim.benefit,
        "event": claim.event,
        "event_day": claim.event_day,
        "last_day": claim.last_day,
        "illness_code": personal.encrypt(ILLNESS, number, claim.illness_code) if claim.illness_code else None,
        "event_hash": personal.event_hash(event) if event else None,
        "accident_hash": personal.event_hash(accident) if accident else None,
        "first_diagnosis": claim.first_diagnosis,
        "in_patient": claim.in_patient,
        "hospital": personal.encrypt(HOSPITAL, number, hospital.name) if hospital else None,
        "hospital_place": hospital.place if hospital else None,
        "hospital_level": hospital.level if hospital else None,
        "payee": claim.payee,
        "account_id": claim.account_id,
    }


async def _claimed_by_another(
    tx: Transaction, personal: PersonalData, union_id: int, member_id: int, claim: OwnClaim
) -> bool:
    """Whether another union's claim stands for the same event; 409 where it is this union's own."""
    event = event_name(claim.event, claim.event_day, claim.illness_code)
    accident = accident_name(claim.benefit, claim.event_day)
    found = await store.standing_for(
        tx.conn,
        member_id,
        personal.event_hashes(event) if event else (),
        personal.event_hashes(accident) if accident else (),
    )
    if found is not None and found.union_id == union_id:
        problem = store.same_event()
        problem.extra["claim_number"] = found.number
        raise problem
    return found is not None


def sealed_heir(personal: PersonalData, number: str, heir: Heir) -> dict[str, Any]:
    """The heir as it is stored."""
    plain = heir.model_dump()
    return {
        **{name: personal.encrypt(f"heir_{name}", number, plain[name]) for name in HEIR_FIELDS},
        "account_hash": personal.account_hash(heir.account_number),
        "account_end": heir.account_number[-4:],
    }


def opened_heir(personal: PersonalData, number: str, row: Any) -> dict[str, str]:
    """The heir in plain text, for papers and payouts."""
    return {name: personal.decrypt(f"heir_{name}", number, getattr(row, name)) for name in HEIR_FIELDS}
