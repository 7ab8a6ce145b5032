"""What a claim remembers and what it has to do next: pure state, carried on when its history starts anew."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, Field

from unioncard.clock_segments import Segment
from unioncard.contracts.claims import ClaimNoticeKind, ClaimStanding, ClaimState
from unioncard.contracts.cover import CoverFound, CoverState
from unioncard.dates import day_start, shanghai_date
from workflows.campaign_calendar import OFFICE_OPENS, last_day_of, occurrence_on

_DAY = timedelta(days=1)
_BEFORE = timedelta(microseconds=1)
#: Papers and stamps: reminded so long before their last day, and on the day itself.
REMIND_AHEAD = 7 * _DAY

OVER = frozenset({ClaimState.CLOSED, ClaimState.LAPSED, ClaimState.WITHDRAWN})
#: Its cover is not known yet, or may still be lost.
UNCOVERED = frozenset({ClaimState.FILED, ClaimState.PROVISIONAL})
#: Somebody outside the centre has to bring something.
ASKED_FOR = frozenset({ClaimState.INCOMPLETE, ClaimState.STAMPING})
#: There is a decision that people should know of.
DECIDED = frozenset({ClaimState.TO_PAY, ClaimState.PAYING, ClaimState.PAID, ClaimState.REFUSED})
#: The decision stands, and the time to appeal runs.
APPEALABLE = frozenset({ClaimState.PAID, ClaimState.REFUSED})
_UNDECIDED = frozenset({ClaimState.ADJUDICATING, ClaimState.MEDICAL_REVIEW, ClaimState.CONFIRMING})

#: How long the centre and the bank may take before they are asked, and again after each such time.
PATIENCE: Mapping[ClaimState, tuple[ClaimNoticeKind, timedelta]] = {
    ClaimState.STAMPING: (ClaimNoticeKind.STAMP_MISSING, 7 * _DAY),
    ClaimState.ADJUDICATING: (ClaimNoticeKind.REVIEW_LATE, 3 * _DAY),
    ClaimState.MEDICAL_REVIEW: (ClaimNoticeKind.MEDICAL_LATE, 5 * _DAY),
    ClaimState.CONFIRMING: (ClaimNoticeKind.CONFIRMATION_LATE, 3 * _DAY),
    ClaimState.TO_PAY: (ClaimNoticeKind.PAYOUT_LATE, 3 * _DAY),
    ClaimState.PAYING: (ClaimNoticeKind.PAYOUT_LATE, 3 * _DAY),
    ClaimState.RETURNED: (ClaimNoticeKind.RETURNED, 7 * _DAY),
}


class FiledClaim(BaseModel):
    """The claim itself; never changes. What it is for stays with claims-svc."""

    number: str
    member_id: int
    union_id: int
    district_code: str
    first_day: date
    last_day: date
    filed_at: datetime


class Act(StrEnum):
    """What the workflow does by itself."""

    CHECK = "check"
    NOTIFY = "notify"
    LAPSE = "lapse"


@dataclass(frozen=True, slots=True)
class Move:
    """Something to do, at ``at``. ``escalates``: somebody is late."""

    act: Act
    at: datetime
    kind: ClaimNoticeKind | None = None
    escalates: bool = False


class ClaimProgress(BaseModel):
    """How far it has come. News may arrive twice, late and in any order: the highest version counts."""

    standing: ClaimStanding
    since: datetime = Field(description="when the workflow learned of the state")
    told_until: datetime = Field(description="reminders up to then are past")
    decision_told: bool = False
    escalated: bool = False
    notices: int = 0
    checks: int = 0
    checked_at: datetime | None = None
    cover: CoverFound | None = Field(None, description="what was assessed last")
    last: dict[str, int] = Field(default_factory=dict, description="the last number of each kind of question")
    judge_from: datetime | None = Field(None, description="asked before; not again until then")
    trouble: str | None = None

    @classmethod
    def of(cls, standing: ClaimStanding, now: datetime) -> "ClaimProgress":
        """As it was when its workflow started."""
        return cls(standing=standing, since=now, told_until=now - _BEFORE)

    @property
    def state(self) -> ClaimState:
        """As claims-svc told it last."""
        return self.standing.state

    @property
    def over(self) -> bool:
        """Nothing more is to be waited for."""
        return self.state in OVER

    def learn(self, standing: ClaimStanding, now: datetime) -> None:
        """Take over what is newer."""
        if standing.version <= self.standing.version:
            return
        if standing.state is not self.state:
            self.since, self.told_until = now, now - _BEFORE
            self.escalated, self.judge_from, self.trouble = False, None, None
            self.decision_told = self.decision_told and standing.state not in _UNDECIDED
        elif standing.due_at != self.standing.due_at:
            self.judge_from = None
        self.standing = standing

    # What is next

    def next_move(self) -> Move | None:
        """The first thing to do, in the past or to come; None: only news can move it."""
        lapse = self._lapse()
        others = [move for move in (self._check(), self._tell_decision(), self._reminder()) if move is not None]
        if lapse is not None:
            others = [move for move in others if move.at < lapse.at]
        return min(others, key=lambda move: move.at, default=lapse)

    def due_move(self, now: datetime) -> Move | None:
        """What is to be done now. Of reminders that were missed only the newest, and none that has become pointless."""
        move = self._lapse()
        if move is not None and move.at <= now:
            return move
        move = self.next_move()
        while move is not None and move.at <= now and move.act is Act.NOTIFY:
            newer = self._reminder(after=move.at)
            if move.kind is ClaimNoticeKind.DECIDED or newer is None or newer.at > now:
                break
            move = newer
        return move if move is not None and move.at <= now else None

    def _check(self) -> Move | None:
        if self.state not in UNCOVERED:
            return None
        return Move(Act.CHECK, self.since if self.checked_at is None else self.checked_at + _DAY)

    def _tell_decision(self) -> Move | None:
        if self.state not in DECIDED or self.decision_told:
            return None
        return Move(Act.NOTIFY, self.since, ClaimNoticeKind.DECIDED)

    def _lapse(self) -> Move | None:
        """The service is asked to judge by its own clock; where it will not, again the next day. Nothing is closed
        before people were told of it."""
        if self.state in ASKED_FOR and self.standing.due_at is not None:
            at = self.standing.due_at
        elif self.state in APPEALABLE and self.decision_told:
            at = self.standing.appeal_until or self.since
        else:
            return None
        return Move(Act.LAPSE, max(at, self.judge_from or at))

    def _reminder(self, after: datetime | None = None) -> Move | None:
        last = self.told_until if after is None else after
        return next((move for move in self._reminders(last) if move.at > last), None)

    def _reminders(self, after: datetime) -> Iterator[Move]:
        """In order, from about ``after`` on."""
        if self.state in ASKED_FOR:
            yield from self._asking()
        if self.state is ClaimState.RETURNED:
            yield Move(Act.NOTIFY, self.since, ClaimNoticeKind.RETURNED)
        if self.state in PATIENCE and (self.state is not ClaimState.STAMPING or self.standing.due_at is None):
            kind, patience = PATIENCE[self.state]
            turn = max(1, (after - self.since) // patience + 1)
            yield Move(Act.NOTIFY, self.since + turn * patience, kind, escalates=True)

    def _asking(self) -> Iterator[Move]:
        """The next morning, so that whoever brings all at once is not asked at all; a week ahead; on the last day."""
        stamp = self.state is ClaimState.STAMPING
        kind = ClaimNoticeKind.STAMP_MISSING if stamp else ClaimNoticeKind.PAPERS_MISSING
        times = {day_start(shanghai_date(self.since) + _DAY) + OFFICE_OPENS: kind}
        if self.standing.due_at is not None:
            last_day = last_day_of(self.standing.due_at)
            times.setdefault(last_day - REMIND_AHEAD + OFFICE_OPENS, kind)
            times[last_day + OFFICE_OPENS] = kind if stamp else ClaimNoticeKind.PAPERS_LAST_DAY
        for at in sorted(times):
            yield Move(Act.NOTIFY, at, times[at])

    # What was done

    def number(self, kind: str, at: datetime) -> int:
        """A number for one more question of that kind: its day, or the next number if that is taken.

        A claim that was closed is watched by another workflow when money comes back: its questions must not be taken
        for those of the first.
        """
        self.last[kind] = max(self.last.get(kind, 0) + 1, occurrence_on(at))
        return self.last[kind]

    def take_notice(self, move: Move) -> int:
        """Note that it is told; which one of its kind it is."""
        assert move.kind is not None  # of every notice
        if move.kind is ClaimNoticeKind.DECIDED:
            self.decision_told = True
        else:
            self.told_until = move.at
            self.escalated = self.escalated or move.escalates
        self.notices += 1
        return self.number(move.kind, move.at)

    def take_check(self, now: datetime) -> int:
        """Note that cover is asked for; which time it is."""
        self.checks, self.checked_at = self.checks + 1, now
        return self.number("cover", now)

    def must_assess(self, found: CoverFound) -> bool:
        """Whether what was found can move the claim: cover that is as provisional as before cannot."""
        waiting = any(policy.state is not CoverState.DEFINITE for policy in found.policies)
        return not (self.state is ClaimState.PROVISIONAL and waiting and found == self.cover)

    def take_lapse(self, now: datetime) -> int:
        """Note that judgement is asked for; which time it is."""
        self.judge_from = now + _DAY
        return self.number("lapse", now)

    # What is shown

    @property
    def deadline(self) -> datetime | None:
        """The first instant too late of what is awaited."""
        if self.state in ASKED_FOR and self.standing.due_at is not None:
            return self.standing.due_at
        if self.state in APPEALABLE:
            return self.standing.appeal_until
        if self.state in PATIENCE:
            return self.since + PATIENCE[self.state][1]
        return None

    def overdue(self) -> bool:
        """Whether somebody is late: asked once already, or asked to judge after the last day."""
        return self.escalated or (self.state in ASKED_FOR and self.judge_from is not None)


class ClaimStart(BaseModel):
    """Input of the workflow. ``progress`` is there when it continues as new."""

    claim: FiledClaim
    standing: ClaimStanding
    segments: list[Segment] = Field(default_factory=list)
    progress: ClaimProgress | None = None


class ClaimEnd(BaseModel):
    """How the claim ended."""

    state: ClaimState
    checks: int
    notices: int


def claim_id(number: str) -> str:
    """``claim/GF36320200305000001``."""
    return f"claim/{number}"
