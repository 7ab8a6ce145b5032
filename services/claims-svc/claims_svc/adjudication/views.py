"""What HTTP takes and shows of the centre's review."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.adjudication import deciding, store
from claims_svc.adjudication.rules import CODES
from claims_svc.claims.views import ClaimShown, ReasonShown
from claims_svc.claims.views import shown as claim_shown
from claims_svc.personal import PersonalData
from claims_svc.signs import store as signs
from claims_svc.signs.rules import SIGN_LABELS, SignKind, text_of
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import Benefit
from unioncard.web.fields import Id, LongText
from unioncard.web.pages import Page

ReasonCode = Annotated[str, Field(json_schema_extra={"enum": list(CODES)}, pattern=f"^({'|'.join(CODES)})$")]
Fen = Annotated[int, Field(ge=0, le=10**12)]


class Strict(BaseModel):
    """A request body that takes no unknown fields."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Amount(Strict):
    """What one policy is to pay."""

    policy_id: Id
    approved_fen: Fen


class Decision(Strict):
    """审核决定。不填金额的，按规则最多可给付的金额给付。"""

    approve: bool = Field(description="同意给付，或不予给付")
    amounts: list[Amount] | None = Field(
        None, max_length=100, description="逐份保单的给付金额；少于规则金额的须说明理由"
    )
    reasons: list[ReasonCode] = Field([], max_length=10, description="不予给付或少给付的理由，见审核理由列表")
    note: LongText | None = Field(None, description="审核意见，加密保存，只在中心内可见")


class Confirmation(Strict):
    """复核."""

    confirmed: bool
    note: LongText | None = Field(None, description="复核意见；不同意时必填")


class Question(Strict):
    """医学问题."""

    question: LongText


class Answer(Strict):
    """对医学问题的答复."""

    answer: LongText


class Appeal(Strict):
    """申诉."""

    reason: LongText = Field(description="申诉理由", examples=["补充了首次确诊的病史资料"])


class Done(BaseModel):
    """申请现在的状态."""

    number: str
    state: ClaimState
    state_label: str
    version: int


class Reason(BaseModel):
    """审核理由."""

    code: str
    rule: str = Field(description="依据，如 G19 Q88；C20 等为当年度保障条款")
    text: str


class QueueItem(BaseModel):
    """等待中心办理的一份申请，先等待的在前。"""

    number: str
    state: ClaimState
    state_label: str
    waiting_since: datetime = Field(description="最近一次变动的时间")
    filed_at: datetime
    union_name: str
    district_name: str
    benefit: Benefit
    benefit_label: str
    payee: str
    coverage_year: int | None
    class_code: str | None
    appeals: int = Field(description="第几次申诉；0 为首次审核")
    claimed_fen: int
    listed: bool | None
    allowed: bool = Field(description="您可以办理；本人提出、作出决定、提问或已审核过的，须由他人办理")


class Stage(BaseModel):
    """一个环节的合计."""

    state: ClaimState
    state_label: str
    claims: int
    claimed_fen: int
    oldest: datetime


class Queue(Page[QueueItem]):
    """中心待办，附各环节合计（仅第一页给出）。"""

    tabs: list[Stage] | None = None


class DecisionShown(BaseModel):
    """一次审核决定."""

    id: int
    round: int
    approve: bool
    approved_fen: int
    amounts: dict[int, int]
    reasons: list[ReasonShown]
    note: str | None
    state: Literal["waiting", "final", "rejected"]
    proposed_by: int
    proposed_at: datetime
    confirmed_by: int | None
    confirmed_at: datetime | None
    confirmation_note: str | None


class QuestionShown(BaseModel):
    """一个医学问题及其答复."""

    id: int
    question: str
    asked_by: int
    asked_at: datetime
    answer: str | None
    answered_by: int | None
    answered_at: datetime | None


class AppealShown(BaseModel):
    """一次申诉，以及它所针对的决定."""

    round: int
    reason: str
    made_by: int
    made_by_role: str
    made_at: datetime
    against_state: ClaimState
    against_by: str
    against_at: datetime
    against_reasons: list[ReasonShown]
    against_refused_fen: int


class SignShown(BaseModel):
    """一项疑点提示，仅供参考，不影响任何决定."""

    kind: SignKind
    label: str
    text: str
    count: int
    claims: list[str] = Field(description="相关申请，最多 20 件")


class Review(BaseModel):
    """审核所见的全部内容."""

    claim: ClaimShown
    signs: list[SignShown]
    decisions: list[DecisionShown]
    questions: list[QuestionShown]
    appeals: list[AppealShown]


async def review(conn: AsyncConnection, personal: PersonalData, row: Any) -> Review:
    """All that a reviewer sees of a claim that was found with its names."""
    number = row.number

    def opened(field: str, value: str | None) -> str | None:
        return None if value is None else personal.decrypt(field, number, value)

    return Review(
        claim=await claim_shown(conn, personal, row),
        signs=[
            SignShown(
                kind=one.kind,
                label=SIGN_LABELS[one.kind],
                text=text_of(one.kind, one.count),
                count=one.count,
                claims=list(one.claims),
            )
            for one in await signs.signs(conn, number)
        ],
        decisions=[
            DecisionShown.model_validate(
                dict(one._mapping)
                | {
                    "note": opened(deciding.NOTE, one.note),
                    "confirmation_note": opened(deciding.NOTE, one.confirmation_note),
                }
            )
            for one in await store.decisions(conn, number)
        ],
        questions=[
            QuestionShown.model_validate(
                dict(one._mapping)
                | {
                    "question": opened(deciding.QUESTION, one.question),
                    "answer": opened(deciding.ANSWER, one.answer),
                }
            )
            for one in await store.questions(conn, number)
        ],
        appeals=[
            AppealShown.model_validate(dict(one._mapping) | {"reason": opened(deciding.APPEAL, one.reason)})
            for one in await store.appeals(conn, number)
        ],
    )
