"""A campaign's calendar as its workflows know it, and when they have something to say by it. Pure: no clock is read.

All moments are instants of business time. Which phases there are is data: a scheme without fee splits has no row for
them, and nobody is told about them (domain 5, 2014 scheme).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from unioncard.contracts.insurance import (
    DistrictNoticeKind,
    OpenedCampaign,
    Phase,
    PhaseTimes,
    Scheme,
)
from unioncard.dates import day_start, shanghai_date

#: Reminders go out 7, 3 and 1 days before the last day, when people come to work.
REMIND_AHEAD = (7, 3, 1)
OFFICE_OPENS = timedelta(hours=9)

SCHEMES = {
    Scheme.CENTRALIZED: "集中参保",
    Scheme.INSTANT: "即时参保",
    Scheme.PERSONAL: "个人参保",
    Scheme.REGISTRATION: "年度登记",
}
PHASES = {
    Phase.FEE_SPLIT: "缴费设置",
    Phase.UNION_WINDOW: "基层工会参保",
    Phase.UNION_PAYMENT: "基层工会缴费",
    Phase.DISTRICT_REVIEW: "区局审核",
    Phase.DISTRICT_SUBMISSION: "区局提交",
    Phase.PAYMENT: "区局缴费",
    Phase.PAYMENT_DETAILS: "缴费明细",
    Phase.COVERAGE: "保障期",
}
#: What a campaign is working towards, one after the other; the others run beside these.
STAGES = (Phase.FEE_SPLIT, Phase.UNION_WINDOW, Phase.DISTRICT_SUBMISSION, Phase.PAYMENT)
#: Where a district has something to do, the phase that ends its part first.
_DISTRICT_ENDS = (Phase.DISTRICT_SUBMISSION, Phase.DISTRICT_REVIEW, Phase.UNION_PAYMENT, Phase.UNION_WINDOW)


class Calendar(BaseModel):
    """The phases as one district has them, or everybody; of two the higher ``version`` is the newer one."""

    phases: list[PhaseTimes]
    version: int

    def times(self, phase: Phase) -> PhaseTimes | None:
        """The phase's times, None where the calendar has no such row."""
        return next((one for one in self.phases if one.phase is phase), None)

    def closes_at(self, phase: Phase) -> datetime | None:
        """The first instant too late; None where there is none."""
        times = self.times(phase)
        return times.closes_at if times else None

    @property
    def ends_at(self) -> datetime | None:
        """When a district's part is over; None while nobody has planned it."""
        ends = (self.closes_at(phase) for phase in _DISTRICT_ENDS)
        return next((end for end in ends if end is not None), None)

    def stage(self, now: datetime) -> Phase | None:
        """What is worked towards: the first stage not over yet; None when all are."""
        return next((phase for phase in STAGES if (end := self.closes_at(phase)) is not None and now < end), None)

    def next_deadline(self, now: datetime) -> datetime | None:
        """The next first instant too late of any stage."""
        return min((end for phase in STAGES if (end := self.closes_at(phase)) and end > now), default=None)

    def next_turn(self, now: datetime) -> datetime | None:
        """The next instant at which any phase opens or closes."""
        ends = (end for one in self.phases for end in (one.opens_at, one.closes_at))
        return min((end for end in ends if end is not None and end > now), default=None)


class OwnDays(BaseModel):
    """Where a district's calendar differs from everybody's."""

    phases: list[PhaseTimes]
    version: int


class Calendars(BaseModel):
    """Everybody's calendar and the exceptions. News may come twice and in any order: the newest of each counts."""

    everybody: OwnDays
    own: dict[int, OwnDays] = Field(default_factory=dict, description="by district id")
    opened_with: int = Field(description="version that the campaign was opened with")

    @classmethod
    def of(cls, opened: OpenedCampaign) -> "Calendars":
        """As the campaign was opened."""
        return cls(
            everybody=OwnDays(phases=opened.phases, version=opened.version),
            own={
                one.district_id: OwnDays(phases=one.phases, version=opened.version)
                for one in opened.districts
                if one.phases
            },
            opened_with=opened.version,
        )

    def learn(self, district_id: int | None, phases: Sequence[PhaseTimes], version: int) -> None:
        """Take over a change for a district, or with None for everybody."""
        if district_id is None:
            if version > self.everybody.version:
                self.everybody = OwnDays(phases=list(phases), version=version)
        elif version > self._own(district_id).version:
            self.own[district_id] = OwnDays(phases=list(phases), version=version)

    def for_everybody(self) -> Calendar:
        """The calendar of whoever has no exception."""
        return Calendar(phases=self.everybody.phases, version=self.everybody.version)

    def for_district(self, district_id: int) -> Calendar:
        """The district's days over everybody's. The version rises with each of the two."""
        own = self._own(district_id)
        differing = {one.phase: one for one in own.phases}
        common = {one.phase: one for one in self.everybody.phases}
        return Calendar(phases=list({**common, **differing}.values()), version=self.everybody.version + own.version)

    def differs(self, district_id: int) -> bool:
        """Whether the district has days that are not everybody's."""
        return any(one not in self.everybody.phases for one in self._own(district_id).phases)

    def _own(self, district_id: int) -> OwnDays:
        return self.own.get(district_id) or OwnDays(phases=[], version=self.opened_with)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something to say at ``at``, pointless from ``before`` on."""

    kind: DistrictNoticeKind
    at: datetime
    before: datetime | None

    @property
    def occurrence(self) -> int:
        """The occasion's day as yyyymmdd: told twice it is told once, and an extension makes new occasions."""
        return occurrence_on(self.at)

    @property
    def name(self) -> str:
        """Its name among those done."""
        return f"{self.kind}/{self.occurrence}"


def occurrence_on(at: datetime) -> int:
    """The day in Shanghai as yyyymmdd."""
    return int(f"{shanghai_date(at):%Y%m%d}")


def last_day_of(closes_at: datetime) -> datetime:
    """00:00 of the last day before the first instant too late."""
    return day_start(shanghai_date(closes_at - timedelta(microseconds=1)))


def reminders_before(closes_at: datetime) -> list[datetime]:
    """09:00 of the days 7, 3 and 1 before the last day."""
    last = shanghai_date(last_day_of(closes_at))
    return [day_start(last - timedelta(days=ahead)) + OFFICE_OPENS for ahead in REMIND_AHEAD]


def occasions(calendar: Calendar) -> list[Occasion]:
    """All that a district and its unions are told by this calendar, in order."""
    return sorted(_occasions(calendar), key=lambda one: (one.at, one.kind))


def _occasions(calendar: Calendar) -> Iterator[Occasion]:
    closing = {
        Phase.FEE_SPLIT: DistrictNoticeKind.SPLIT_MISSING,
        Phase.UNION_WINDOW: DistrictNoticeKind.WINDOW_CLOSING,
        Phase.UNION_PAYMENT: DistrictNoticeKind.UNION_PAYMENT_CLOSING,
        Phase.DISTRICT_SUBMISSION: DistrictNoticeKind.SUBMISSION_CLOSING,
    }
    opening = {
        Phase.UNION_WINDOW: DistrictNoticeKind.WINDOW_OPENED,
        Phase.DISTRICT_SUBMISSION: DistrictNoticeKind.SUBMISSION_OPENED,
    }
    for times in calendar.phases:
        if times.phase in opening and times.opens_at is not None:
            yield Occasion(opening[times.phase], times.opens_at, times.closes_at)
        if times.phase in closing and times.closes_at is not None:
            for at in reminders_before(times.closes_at):
                yield Occasion(closing[times.phase], at, times.closes_at)


def due(told_by: Sequence[Occasion], done: Collection[str], now: datetime) -> tuple[list[Occasion], list[Occasion]]:
    """The occasions to take up now, and all that have passed by.

    Of several of a kind that were missed only the newest is taken up, and none that has become pointless.
    """
    passed = [one for one in told_by if one.at <= now and one.name not in done]
    newest = {one.kind: one for one in passed if one.before is None or now < one.before}
    return list(newest.values()), passed
