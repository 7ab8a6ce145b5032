"""A union submits a list: whom it holds, what it costs, and what is written. Statements do not grow with the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.campaigns.deadlines import open_at, open_for_union_at
from insurance_svc.enrolments import eligible, rules, store
from insurance_svc.enrolments.eligible import Offer
from insurance_svc.enrolments.rules import Cover, Price, Term, Way
from insurance_svc.personal import PersonalData
from insurance_svc.seasons import store as seasons
from insurance_svc.seasons.rules import PhaseDays
from insurance_svc.splits import store as splits
from unioncard.contracts.insurance import Scheme
from unioncard.dates import shanghai_date
from unioncard.districts import District
from unioncard.problems import Problem, RowError, conflict, invalid
from unioncard.telemetry import current_traceparent
from unioncard.unit_of_work import Transaction

ROWS_SHOWN = 200

# A list that was returned may be sent again once: with the list that follows it the occasion is used.
_GROUND = sa.text(f"""
    SELECT o.id AS union_id, o.name AS union_name, d.id AS district_id, d.district_code, d.name AS district_name,
           (SELECT class_code FROM union_classes c
            WHERE c.union_id = o.id AND c.coverage_year = :year) AS class_code,
           (SELECT max(r.returned_at) FROM enrolments r
            WHERE r.union_id = o.id AND r.coverage_year = :year AND r.scheme = :scheme
              AND r.state IN ('returned', 'withdrawn')
              AND NOT EXISTS (SELECT FROM enrolments later
                              WHERE later.union_id = o.id AND later.coverage_year = :year
                                AND later.scheme = :scheme AND later.submitted_at >= r.returned_at)) AS returned_at,
           k.participation_percent, k.participation_all_below,
           :way <> 'personal' AND {seasons.IS_CENTRAL_OF.format(union="o.id")} AS central,
           days.phases, days.first_days, days.last_days
    FROM organisations o
    JOIN organisations d ON d.id = ANY(CAST(string_to_array(trim(BOTH '/' FROM o.path), '/') AS bigint[]))
                        AND d.level = 'district'
    LEFT JOIN campaigns k ON k.scheme = :scheme AND k.coverage_year = :year
    CROSS JOIN LATERAL (
        SELECT array_agg(phase) AS phases, array_agg(first_day) AS first_days, array_agg(last_day) AS last_days
        FROM ({seasons.PHASES_OF.format(district="d.id")}) AS own
    ) AS days
    WHERE o.id = :union
""")  # noqa: S608  # the words above and of seasons

_WRITE = sa.text("""
    WITH list AS (
        INSERT INTO enrolments (
            id, union_id, district_id, scheme, way, coverage_year, class_code, central, state, heads,
            fee_fen, subsidy_fen, district_fen, union_fen, submitted_at, submitted_by, changed_at, traceparent)
        VALUES (:id, :union, :district, :scheme, :way, :year, :class, :central, 'submitted', :heads,
                :fee, :subsidy, :district_share, :union_share, :now, :account, :now, :traceparent)
        RETURNING *
    ), prices AS (
        INSERT INTO enrolment_prices (enrolment_id, term, heads, fee_fen, subsidy_fen, district_fen, union_fen)
        SELECT :id, * FROM unnest(
            CAST(:terms AS text[]), CAST(:term_heads AS integer[]), CAST(:fees AS bigint[]),
            CAST(:subsidies AS bigint[]), CAST(:district_shares AS bigint[]), CAST(:union_shares AS bigint[]))
    ), class AS (
        INSERT INTO union_classes (union_id, coverage_year, class_code)
        SELECT :union, :year, :class WHERE :way <> 'personal' ON CONFLICT DO NOTHING
    )
    SELECT list.*, CAST(:union_name AS text) AS union_name, list.state AS shown_state FROM list
""")


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


async def ground_of(
    conn: AsyncConnection, union_id: int, scheme: Scheme, way: Way, year: int, now: datetime, just_issued_days: int
) -> Ground:
    """Read what a list of that way stands on, one statement."""
    values = {"union": union_id, "scheme": scheme.value, "way": way.value, "year": year}
    row = (await conn.execute(_GROUND, values)).one_or_none()
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
        offer_of(scheme, way, year, phases, today, just_issued_days),
        today,
    )


async def prices_of(conn: AsyncConnection, ground: Ground, wanted: Wanted, terms: Sequence[Term]) -> list[Price]:
    """What a head costs for these terms and who carries it, one statement.

    Raises 422 ``unknown-class`` for a class the year does not have, 409 ``split-missing`` where the district has not
    set its shares. A member who enrols alone carries what the federation does not (domain 5).
    """
    rates, found = await splits.prices(
        conn, ground.district.id, wanted.year, wanted.class_code, ground.central, wanted.union_id, ground.first_day
    )
    if not any(code == wanted.class_code for code, _ in rates):
        codes = "、".join(sorted({code for code, _ in rates})) or "无"
        raise invalid("unknown-class", f"{wanted.year}年度没有这个保障类型", f"可选的保障类型：{codes}。")
    prices = []
    for term in terms:
        rate = rates.get((wanted.class_code, term.value))
        if rate is None:
            raise conflict("rate-missing", f"{wanted.year}年度{term.label}保费尚未公布", "请联系市总工会公布费率。")
        subsidy = rate.subsidy(ground.central)
        if wanted.way is Way.PERSONAL:
            prices.append(Price(term, rate.fee_fen, subsidy, 0, rate.fee_fen - subsidy))
        elif (share := found.get(term.value)) is not None:
            prices.append(Price(term, rate.fee_fen, subsidy, share.district_fen, share.union_fen))
        else:
            raise conflict(
                "split-missing",
                f"区局尚未设置该保障类型（{term.label}）的缴费分摊",
                f"请联系{ground.district.name}完成基层缴费设置后再提交。",
            )
    return prices


async def submit(
    tx: Transaction, personal: PersonalData, wanted: Wanted, account_id: int, just_issued_days: int
) -> sa.Row[Any]:
    """Make the list and its members' policies; the list's row. Raises a problem, and nothing is made."""
    await store.hold_season_and_lock(tx.conn, wanted.year, wanted.union_id)
    ground = await ground_of(tx.conn, wanted.union_id, wanted.scheme, wanted.way, wanted.year, tx.now, just_issued_days)
    _must_be_open(tx.now, ground, wanted)
    must_be_class(ground, wanted)
    enrolment_id, heads = await eligible.make_policies(tx.conn, ground.offer, wanted.union_id, wanted.member_ids)
    await _must_hold_all(tx.conn, personal, ground, wanted, enrolment_id, sum(heads.values()))
    await _must_take_part(tx.conn, ground, wanted)
    prices = await prices_of(tx.conn, ground, wanted, sorted(heads))
    return await _write(tx, ground, wanted, enrolment_id, prices, heads, account_id)


def _must_be_open(now: datetime, ground: Ground, wanted: Wanted) -> None:
    scheme, year = wanted.scheme.value, wanted.year
    if wanted.way is not Way.CENTRALIZED:
        open_at(now, ground.phases, scheme, year, "enrolment")
        return
    window = ground.phases.get("union_window")
    late_return = ground.returned_at is not None and window is not None and window.over(ground.returned_at)
    open_for_union_at(now, ground.phases, scheme, year, returned_before=late_return)


def must_be_class(ground: Ground, wanted: Wanted) -> None:
    """One class a union and year, while any of its lists stands; members who enrol alone pick their own."""
    if wanted.way is not Way.PERSONAL and ground.class_code not in (None, wanted.class_code):
        raise conflict(
            "class-fixed",
            f"本会{wanted.year}年度的保障类型已确定为 {ground.class_code}",
            "同一保障年度只能选择一个保障类型。如需更换，须先由区局退回本年度已提交的全部名单。",
            class_code=ground.class_code,
        )


async def _must_hold_all(
    conn: AsyncConnection, personal: PersonalData, ground: Ground, wanted: Wanted, enrolment_id: int, heads: int
) -> None:
    """Whoever was chosen is on the list, and the list holds somebody."""
    if wanted.member_ids is not None and heads < len(wanted.member_ids):
        # Whoever is on this list must not be told to be on one already.
        await eligible.unmake(conn, enrolment_id)
        rows = await eligible.unfit(conn, ground.offer, wanted.union_id, wanted.member_ids, len(wanted.member_ids))
        raise unfit(personal, wanted.member_ids, rows)
    if not heads:
        raise nobody()


def nobody() -> Problem:
    """409: the list would be empty."""
    return conflict(
        "nobody-eligible",
        "没有可以参保的会员",
        "请在可参保会员列表中查看各会员未列入的原因；如刚提交过，请查看参保名单。",
    )


def unfit(personal: PersonalData, chosen: Sequence[int], rows: Sequence[Any]) -> Problem:
    """422: which of the chosen cannot be on the list, by their place in the request."""
    lines = {member_id: line for line, member_id in enumerate(chosen, start=1)}
    return Problem(
        422,
        "members-unfit",
        f"有 {len(rows)} 名会员不能列入名单" if rows else "名单中的会员刚刚被列入其他名单",
        "请按各行提示处理，或从名单中移出后再提交。本次没有提交任何会员。",
        rows=[
            RowError(
                line=lines[row.member_id],
                # Of somebody else's member nothing is told.
                name=personal.name(row.member_id, row.name) if row.name else "",
                number=personal.masked_document(row.member_id, row.document_number) if row.name else "",
                field="参保资格",
                reason=rules.LeftOut(row.reason).reason,
                remedy=rules.LeftOut(row.reason).remedy,
            )
            for row in sorted(rows, key=lambda row: lines[row.member_id])[:ROWS_SHOWN]
        ],
    )


async def _must_take_part(conn: AsyncConnection, ground: Ground, wanted: Wanted) -> None:
    """The campaign's minimum participation, of those who can be enrolled; small unions enrol all of them."""
    percent, all_below = ground.participation_percent, ground.participation_all_below
    if wanted.way is not Way.CENTRALIZED or not (percent or all_below):
        return
    found = await eligible.reasons(conn, ground.offer, wanted.union_id)
    # The list is made already, so whoever is on it counts as covered.
    enrolled = found.get(rules.LeftOut.COVERED, 0)
    able = enrolled + found.get(None, 0)
    needed = rules.participants_needed(able, percent, all_below)
    if enrolled < needed:
        raise conflict(
            "participation-too-low",
            f"参保人数不足：应至少 {needed} 人，现为 {enrolled} 人",
            f"本会可参保会员共 {able} 人，请补充会员后再提交。",
            needed=needed,
            enrolled=enrolled,
            able=able,
        )


async def _write(
    tx: Transaction,
    ground: Ground,
    wanted: Wanted,
    enrolment_id: int,
    prices: Sequence[Price],
    heads: Mapping[Term, int],
    account_id: int,
) -> sa.Row[Any]:
    sums = rules.sums(prices, heads)
    values: dict[str, Any] = {
        "id": enrolment_id,
        "union": wanted.union_id,
        "union_name": ground.union_name,
        "district": ground.district.id,
        "scheme": wanted.scheme.value,
        "way": wanted.way.value,
        "year": wanted.year,
        "class": wanted.class_code,
        "central": ground.central,
        "heads": sums.heads,
        "fee": sums.fee_fen,
        "subsidy": sums.subsidy_fen,
        "district_share": sums.district_fen,
        "union_share": sums.union_fen,
        "now": tx.now,
        "account": account_id,
        "traceparent": current_traceparent(),
        "terms": [price.term.value for price in prices],
        "term_heads": [heads[price.term] for price in prices],
        "fees": [price.fee_fen for price in prices],
        "subsidies": [price.subsidy_fen for price in prices],
        "district_shares": [price.district_fen for price in prices],
        "union_shares": [price.union_fen for price in prices],
    }
    row = (await tx.conn.execute(_WRITE, values)).one()
    tx.audit(
        "enrolment.submitted",
        f"enrolment:{enrolment_id}",
        organisation_id=wanted.union_id,
        after={
            "scheme": wanted.scheme.value,
            "way": wanted.way.value,
            "coverage_year": wanted.year,
            "class": wanted.class_code,
            "heads": sums.heads,
            "fee_fen": sums.fee_fen,
        },
    )
    return row
