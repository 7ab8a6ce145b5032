"""Unions submit lists: whom each holds, what it costs, and what is written.

One list or many at once: as many statements, however many lists and however long they are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from insurance_svc.campaigns.deadlines import open_at, open_for_union_at
from insurance_svc.enrolments import eligible, ground, rules, store
from insurance_svc.enrolments.eligible import Made, Offer
from insurance_svc.enrolments.ground import Ground, Wanted
from insurance_svc.enrolments.rules import Price, Way
from insurance_svc.personal import PersonalData
from insurance_svc.splits import store as splits
from unioncard.problems import Problem, RowError, conflict
from unioncard.telemetry import current_traceparent
from unioncard.unit_of_work import Transaction

ROWS_SHOWN = 200

T = TypeVar("T")

_WRITE = sa.text("""
    WITH new AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:unions AS bigint[]), CAST(:union_names AS text[]),
            CAST(:districts AS bigint[]), CAST(:schemes AS text[]), CAST(:ways AS text[]), CAST(:years AS integer[]),
            CAST(:classes AS text[]), CAST(:centrals AS boolean[]), CAST(:heads AS integer[]), CAST(:fees AS bigint[]),
            CAST(:subsidies AS bigint[]), CAST(:district_shares AS bigint[]), CAST(:union_shares AS bigint[]),
            CAST(:times AS timestamptz[]), CAST(:accounts AS bigint[]), CAST(:traceparents AS text[])
        ) AS one(id, union_id, union_name, district_id, scheme, way, coverage_year, class_code, central, heads,
                 fee_fen, subsidy_fen, district_fen, union_fen, submitted_at, submitted_by, traceparent)
    ), list AS (
        INSERT INTO enrolments (
            id, union_id, district_id, scheme, way, coverage_year, class_code, central, state, heads,
            fee_fen, subsidy_fen, district_fen, union_fen, submitted_at, submitted_by, changed_at, traceparent)
        SELECT id, union_id, district_id, scheme, way, coverage_year, class_code, central, 'submitted', heads,
               fee_fen, subsidy_fen, district_fen, union_fen, submitted_at, submitted_by, submitted_at, traceparent
        FROM new
        RETURNING *
    ), prices AS (
        INSERT INTO enrolment_prices (enrolment_id, term, heads, fee_fen, subsidy_fen, district_fen, union_fen)
        SELECT * FROM unnest(
            CAST(:price_ids AS bigint[]), CAST(:terms AS text[]), CAST(:term_heads AS integer[]),
            CAST(:price_fees AS bigint[]), CAST(:price_subsidies AS bigint[]),
            CAST(:price_district_shares AS bigint[]), CAST(:price_union_shares AS bigint[]))
    ), class AS (
        INSERT INTO union_classes (union_id, coverage_year, class_code)
        SELECT DISTINCT union_id, coverage_year, class_code FROM new WHERE way <> 'personal'
        ON CONFLICT DO NOTHING
    )
    SELECT list.*, new.union_name, list.state AS shown_state FROM list JOIN new USING (id)
""")


class Refused(Exception):
    """Some of the lists cannot be: ``problems`` by their place. Nothing that the transaction wrote may be kept."""

    def __init__(self, problems: Mapping[int, Problem]) -> None:
        super().__init__(f"{len(problems)} refused")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Submission:
    """A list that is wanted; ``tx`` acts for whoever wants it."""

    wanted: Wanted
    account_id: int
    tx: Transaction


@dataclass(frozen=True, slots=True)
class _Ready:
    """A list that can be: all of it but its row."""

    asked: Submission
    ground: Ground
    made: Made
    prices: Sequence[Price]


async def submit(
    tx: Transaction, personal: PersonalData, wanted: Wanted, account_id: int, just_issued_days: int
) -> sa.Row[Any]:
    """Make the list and its members' policies; the list's row. Raises a problem, and nothing is made."""
    try:
        (row,) = await submit_all(tx.conn, personal, [Submission(wanted, account_id, tx)], just_issued_days)
    except Refused as refused:
        raise refused.problems[0] from None
    return row


async def submit_all(
    conn: AsyncConnection, personal: PersonalData, asked: Sequence[Submission], just_issued_days: int
) -> list[sa.Row[Any]]:
    """Make lists of different unions and their members' policies; the lists' rows in the same order.

    Raises :class:`Refused` where any of them cannot be.
    """
    wanted = [one.wanted for one in asked]
    await store.hold_seasons_and_lock(conn, {one.year for one in wanted}, {one.union_id for one in wanted})
    found = await ground.read(conn, wanted)

    def open_ground(place: int, one: Submission) -> Ground:
        known = found.of(place, one.wanted, one.tx.now, just_issued_days)
        _must_be_open(one.tx.now, known, one.wanted)
        must_be_class(known, one.wanted)
        return known

    grounds = _each(asked, open_ground)
    made = await _make_policies(conn, wanted, [known.offer for known in grounds])
    await _must_hold_all(conn, personal, wanted, grounds, made)
    await _must_take_part(conn, wanted, grounds)
    prices = await _prices(conn, asked, grounds, made)
    return await _write(conn, [_Ready(*parts) for parts in zip(asked, grounds, made, prices, strict=True)])


def _each(asked: Sequence[Submission], judge: Callable[[int, Submission], T]) -> list[T]:
    """What is found of each, in their order. Raises :class:`Refused` with all that are not."""
    found, problems = list[T](), dict[int, Problem]()
    for place, one in enumerate(asked):
        try:
            found.append(judge(place, one))
        except Problem as problem:
            problems[place] = problem
    if problems:
        raise Refused(problems)
    return found


def _must_be_open(now: datetime, known: Ground, wanted: Wanted) -> None:
    scheme, year = wanted.scheme.value, wanted.year
    if wanted.way is not Way.CENTRALIZED:
        open_at(now, known.phases, scheme, year, "enrolment")
        return
    window = known.phases.get("union_window")
    late_return = known.returned_at is not None and window is not None and window.over(known.returned_at)
    open_for_union_at(now, known.phases, scheme, year, returned_before=late_return)


def must_be_class(known: Ground, wanted: Wanted) -> None:
    """One class a union and year, while any of its lists stands; members who enrol alone pick their own."""
    if wanted.way is not Way.PERSONAL and known.class_code not in (None, wanted.class_code):
        raise conflict(
            "class-fixed",
            f"本会{wanted.year}年度的保障类型已确定为 {known.class_code}",
            "同一保障年度只能选择一个保障类型。如需更换，须先由区局退回本年度已提交的全部名单。",
            class_code=known.class_code,
        )


async def _make_policies(conn: AsyncConnection, wanted: Sequence[Wanted], offers: Sequence[Offer]) -> list[Made]:
    """What was made for each list; a statement an offer, and one for each list whose members were chosen."""
    made = [Made(0, {})] * len(wanted)
    whole: dict[Offer, dict[int, int]] = {}
    for place, (one, offer) in enumerate(zip(wanted, offers, strict=True)):
        if one.member_ids is None:
            whole.setdefault(offer, {})[one.union_id] = place
        else:
            chosen = await eligible.make_policies(conn, offer, [one.union_id], one.member_ids)
            made[place] = chosen.get(one.union_id, made[place])
    for offer, places in whole.items():
        for union_id, one_made in (await eligible.make_policies(conn, offer, list(places), None)).items():
            made[places[union_id]] = one_made
    return made


async def _must_hold_all(
    conn: AsyncConnection,
    personal: PersonalData,
    wanted: Sequence[Wanted],
    grounds: Sequence[Ground],
    made: Sequence[Made],
) -> None:
    """Whoever was chosen is on the list, and the list holds somebody."""
    problems: dict[int, Problem] = {}
    for place, (one, known, of) in enumerate(zip(wanted, grounds, made, strict=True)):
        heads = sum(of.heads.values())
        if one.member_ids is not None and heads < len(one.member_ids):
            # Whoever is on this list must not be told to be on one already.
            await eligible.unmake(conn, of.enrolment_id)
            rows = await eligible.unfit(conn, known.offer, one.union_id, one.member_ids, len(one.member_ids))
            problems[place] = unfit(personal, one.member_ids, rows)
        elif not heads:
            problems[place] = nobody()
    if problems:
        raise Refused(problems)


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


async def _must_take_part(conn: AsyncConnection, wanted: Sequence[Wanted], grounds: Sequence[Ground]) -> None:
    """The campaign's minimum participation, of those who can be enrolled; small unions enrol all of them."""
    held: dict[Offer, dict[int, int]] = {}
    for place, (one, known) in enumerate(zip(wanted, grounds, strict=True)):
        if one.way is Way.CENTRALIZED and (known.participation_percent or known.participation_all_below):
            held.setdefault(known.offer, {})[one.union_id] = place
    problems: dict[int, Problem] = {}
    for offer, places in held.items():
        for union_id, found in (await eligible.reasons(conn, offer, list(places))).items():
            if problem := _too_few(grounds[places[union_id]], found):
                problems[places[union_id]] = problem
    if problems:
        raise Refused(problems)


def _too_few(known: Ground, found: Mapping[str | None, int]) -> Problem | None:
    # The list is made already, so whoever is on it counts as covered.
    enrolled = found.get(rules.LeftOut.COVERED, 0)
    able = enrolled + found.get(None, 0)
    needed = rules.participants_needed(able, known.participation_percent, known.participation_all_below)
    if enrolled >= needed:
        return None
    return conflict(
        "participation-too-low",
        f"参保人数不足：应至少 {needed} 人，现为 {enrolled} 人",
        f"本会可参保会员共 {able} 人，请补充会员后再提交。",
        needed=needed,
        enrolled=enrolled,
        able=able,
    )


async def _prices(
    conn: AsyncConnection, asked: Sequence[Submission], grounds: Sequence[Ground], made: Sequence[Made]
) -> list[list[Price]]:
    known = await splits.prices(conn, [ground.asking(of, one.wanted) for one, of in zip(asked, grounds, strict=True)])
    unknown = {
        place: await ground.unknown_class(conn, asked[place].wanted.year)
        for place, by_term in enumerate(known)
        if not by_term
    }
    if unknown:
        raise Refused(unknown)
    return _each(
        asked,
        lambda place, one: ground.priced(known[place], grounds[place], one.wanted, sorted(made[place].heads)),
    )


async def _write(conn: AsyncConnection, lists: Sequence[_Ready]) -> list[sa.Row[Any]]:
    sums = [rules.sums(one.prices, one.made.heads) for one in lists]
    priced = [(one, price) for one in lists for price in one.prices]
    values: dict[str, Any] = {
        "ids": [one.made.enrolment_id for one in lists],
        "unions": [one.asked.wanted.union_id for one in lists],
        "union_names": [one.ground.union_name for one in lists],
        "districts": [one.ground.district.id for one in lists],
        "schemes": [one.asked.wanted.scheme.value for one in lists],
        "ways": [one.asked.wanted.way.value for one in lists],
        "years": [one.asked.wanted.year for one in lists],
        "classes": [one.asked.wanted.class_code for one in lists],
        "centrals": [one.ground.central for one in lists],
        "heads": [one.heads for one in sums],
        "fees": [one.fee_fen for one in sums],
        "subsidies": [one.subsidy_fen for one in sums],
        "district_shares": [one.district_fen for one in sums],
        "union_shares": [one.union_fen for one in sums],
        "times": [one.asked.tx.now for one in lists],
        "accounts": [one.asked.account_id for one in lists],
        "traceparents": [one.asked.tx.traceparent or current_traceparent() for one in lists],
        "price_ids": [one.made.enrolment_id for one, _ in priced],
        "terms": [price.term.value for _, price in priced],
        "term_heads": [one.made.heads[price.term] for one, price in priced],
        "price_fees": [price.fee_fen for _, price in priced],
        "price_subsidies": [price.subsidy_fen for _, price in priced],
        "price_district_shares": [price.district_fen for _, price in priced],
        "price_union_shares": [price.union_fen for _, price in priced],
    }
    rows = {row.id: row for row in await conn.execute(_WRITE, values)}
    for one, total in zip(lists, sums, strict=True):
        _record(one, total)
    return [rows[one.made.enrolment_id] for one in lists]


def _record(one: _Ready, total: rules.Sums) -> None:
    wanted = one.asked.wanted
    one.asked.tx.audit(
        "enrolment.submitted",
        f"enrolment:{one.made.enrolment_id}",
        organisation_id=wanted.union_id,
        after={
            "scheme": wanted.scheme.value,
            "way": wanted.way.value,
            "coverage_year": wanted.year,
            "class": wanted.class_code,
            "heads": total.heads,
            "fee_fen": total.fee_fen,
        },
    )
