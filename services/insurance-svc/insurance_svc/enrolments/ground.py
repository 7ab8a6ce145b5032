"""What a union's list stands on: the union's place and class, the calendar, the cover it gives, what a head costs.

Read for many unions at once as for one: as many statements, however many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.enrolments import rules
from insurance_svc.enrolments.eligible import Offer
from insurance_svc.enrolments.rules import Cover, Price, Term, Way
from insurance_svc.seasons import store as seasons
from insurance_svc.seasons.rules import PhaseDays, Rate
from insurance_svc.splits import store as splits
from insurance_svc.splits.store import PricesOf, Share
from unioncard.contracts.insurance import Scheme
from unioncard.dates import shanghai_date
from unioncard.districts import District
from unioncard.problems import Problem, conflict, invalid

# A list that was returned may be sent again once: with the list that follows it the occasion is used.
_GROUNDS = sa.text(f"""
    SELECT n.line, o.name AS union_name, d.id AS district_id, d.district_code, d.name AS district_name,
           (SELECT class_code FROM union_classes c
            WHERE c.union_id = o.id AND c.coverage_year = n.year) AS class_code,
           (SELECT max(r.returned_at) FROM enrolments r
            WHERE r.union_id = o.id AND r.coverage_year = n.year AND r.scheme = n.scheme
              AND r.state IN ('returned', 'withdrawn')
              AND NOT EXISTS (SELECT FROM enrolments later
                              WHERE later.union_id = o.id AND later.coverage_year = n.year
                                AND later.scheme = n.scheme AND later.submitted_at >= r.returned_at)) AS returned_at,
           k.participation_percent, k.participation_all_below,
           n.way <> 'personal' AND {seasons.IS_CENTRAL_OF.format(union="o.id", year="n.year")} AS central,
           days.phases, days.first_days, days.last_days
    FROM unnest(CAST(:unions AS bigint[]), CAST(:schemes AS text[]), CAST(:ways AS text[]), CAST(:years AS integer[]))
         WITH ORDINALITY AS n(union_id, scheme, way, year, line)
    JOIN organisations o ON o.id = n.union_id
    JOIN organisations d ON d.id = ANY(CAST(string_to_array(trim(BOTH '/' FROM o.path), '/') AS bigint[]))
                        AND d.level = 'district'
    LEFT JOIN campaigns k ON k.scheme = n.scheme AND k.coverage_year = n.year
    CROSS JOIN LATERAL (
        SELECT array_agg(phase) AS phases, array_agg(first_day) AS first_days, array_agg(last_day) AS last_days
        FROM ({seasons.PHASES_OF.format(scheme="n.scheme", year="n.year", district="d.id")}) AS own
    ) AS days
""")  # noqa: S608  # the words above and of seasons


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a union wants to submit; ``member_ids`` None: everybody who can be on the list."""

    union_id: int
    scheme: Scheme
    way: Way
    year: int
    class_code: str
    member_ids: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Ground:
    """What a list of the union stands on: its place, its class so far, calendar and terms of cover."""

    union_name: str
    district: District
    class_code: str | None
    returned_at: datetime | None
    participation_percent: int | None
    participation_all_below: int | None
    central: bool
    phases: Mapping[str, PhaseDays]
    offer: Offer
    today: date

    @property
    def first_day(self) -> date:
        """The day for which shares must be valid: the first of the cover, of instant enrolment the day after."""
        return self.offer.cover.first_day if self.offer.cover else self.today


def offer_of(
    scheme: Scheme, way: Way, year: int, phases: Mapping[str, PhaseDays], today: date, just_issued_days: int
) -> Offer:
    """What a list made today gives. Raises 409 where the calendar lacks its cover, or nothing is left to cover."""
    new_numbers = rules.newest_number_days(today, year, just_issued_days) if scheme is Scheme.INSTANT else None
    try:
        cover = _cover_of(scheme, way, year, phases, today)
    except (KeyError, ValueError):
        raise conflict(
            "nothing-to-cover",
            f"{year}年度没有可办理的保障期",
            "该年度已结束，或日历中没有保障期的日期。请核对保障年度，或联系市总工会发布日历。",
        ) from None
    last_day = cover.last_day if cover else rules.last_day_of(year, phases.get("coverage"))
    held_by = phases.get("card_held_by")
    return Offer(way, year, cover, last_day, held_by.last_day if held_by else None, new_numbers)


def _cover_of(scheme: Scheme, way: Way, year: int, phases: Mapping[str, PhaseDays], today: date) -> Cover | None:
    if way is Way.NEWLY_ISSUED:
        return None
    if scheme is Scheme.REGISTRATION and way is Way.NO_COVER:
        return rules.second_half(phases["coverage_second_half"], today)
    if way is Way.CENTRALIZED:
        return rules.whole_year(phases["coverage_first_half" if scheme is Scheme.REGISTRATION else "coverage"])
    # Shown before its year begins, as on the first day on which it can be had.
    enrolled_on = max(today, date(year, 1, 1))
    return rules.from_day_after(enrolled_on, rules.last_day_of(year, phases.get("coverage")))


@dataclass(frozen=True, slots=True)
class Grounds:
    """What :func:`read` found, by the place of who asked."""

    _rows: Mapping[int, sa.Row[Any]]

    def of(self, place: int, wanted: Wanted, now: datetime, just_issued_days: int) -> Ground:
        """The ground of the list wanted at that place. Raises 404 for a union that is not known yet, and as
        :func:`offer_of`."""
        row = self._rows.get(place)
        if row is None:
            raise Problem(404, "not-found", "没有找到您所属的区局（产业）工会", "组织信息尚未同步，请稍后重试。")
        days = zip(row.phases or (), row.first_days or (), row.last_days or (), strict=True)
        phases = {phase: PhaseDays(phase, first_day, last_day) for phase, first_day, last_day in days}
        today = shanghai_date(now)
        return Ground(
            row.union_name,
            District(row.district_id, row.district_code or "", row.district_name),
            row.class_code,
            row.returned_at,
            row.participation_percent,
            row.participation_all_below,
            row.central,
            phases,
            offer_of(wanted.scheme, wanted.way, wanted.year, phases, today, just_issued_days),
            today,
        )


async def read(conn: AsyncConnection, asked: Sequence[Wanted]) -> Grounds:
    """What these lists stand on, one statement."""
    values = {
        "unions": [one.union_id for one in asked],
        "schemes": [one.scheme.value for one in asked],
        "ways": [one.way.value for one in asked],
        "years": [one.year for one in asked],
    }
    return Grounds({row.line - 1: row for row in await conn.execute(_GROUNDS, values)})


async def ground_of(conn: AsyncConnection, wanted: Wanted, now: datetime, just_issued_days: int) -> Ground:
    """What one list stands on; raises as :meth:`Grounds.of`."""
    return (await read(conn, [wanted])).of(0, wanted, now, just_issued_days)


async def prices_of(conn: AsyncConnection, ground: Ground, wanted: Wanted, terms: Sequence[Term]) -> list[Price]:
    """What a head of one list costs for these terms and who carries it; raises as :func:`priced`."""
    (known,) = await splits.prices(conn, [asking(ground, wanted)])
    if not known:
        raise await unknown_class(conn, wanted.year)
    return priced(known, ground, wanted, terms)


def asking(ground: Ground, wanted: Wanted) -> PricesOf:
    """The question for a list's prices."""
    return PricesOf(
        ground.district.id, wanted.year, wanted.class_code, ground.central, wanted.union_id, ground.first_day
    )


async def unknown_class(conn: AsyncConnection, year: int) -> Problem:
    """422 for a class that the year does not have."""
    codes = "、".join(sorted({code for code, _ in await seasons.rates(conn, year)})) or "无"
    return invalid("unknown-class", f"{year}年度没有这个保障类型", f"可选的保障类型：{codes}。")


def priced(
    known: Mapping[str, tuple[Rate, Share | None]], ground: Ground, wanted: Wanted, terms: Sequence[Term]
) -> list[Price]:
    """What a head costs for these terms and who carries it, of prices by term.

    Raises 409 ``rate-missing`` for a term without a price, ``split-missing`` where the district has not set its
    shares. A member who enrols alone carries what the federation does not (domain 5).
    """
    prices = []
    for term in terms:
        if term.value not in known:
            raise conflict("rate-missing", f"{wanted.year}年度{term.label}保费尚未公布", "请联系市总工会公布费率。")
        rate, share = known[term.value]
        subsidy = rate.subsidy(ground.central)
        if wanted.way is Way.PERSONAL:
            prices.append(Price(term, rate.fee_fen, subsidy, 0, rate.fee_fen - subsidy))
        elif share is not None:
            prices.append(Price(term, rate.fee_fen, subsidy, share.district_fen, share.union_fen))
        else:
            raise conflict(
                "split-missing",
                f"区局尚未设置该保障类型（{term.label}）的缴费分摊",
                f"请联系{ground.district.name}完成基层缴费设置后再提交。",
            )
    return prices
