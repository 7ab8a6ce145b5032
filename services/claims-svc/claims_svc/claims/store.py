"""All SQL of claims, their parts and their hospital days."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims import events
from claims_svc.claims.rules import FALLEN, STEPS, Part
from claims_svc.claims.tables import CLAIM_DAYS, CLAIM_PARTS, CLAIMS, HEIRS
from claims_svc.members.tables import MEMBERS
from claims_svc.metadata import ORGANISATIONS
from unioncard.auth import Principal, Role, Scope, within_reach
from unioncard.contracts.claims import ClaimState
from unioncard.dates import shanghai_date
from unioncard.problems import Problem, conflict
from unioncard.unit_of_work import Transaction

_NUMBER = sa.text("SELECT nextval('claim_numbers')")

# Two claims for hospital days of one member, judged at once, must not both count the last day of a policy.
_HOLD_MEMBER = sa.text("SELECT pg_advisory_xact_lock(7236401, hashint8(:member))")

_OTHER_DAYS = sa.text("""
    SELECT day, policy_id FROM claim_days
    WHERE standing AND claim_number <> :number
      AND (member_id = :member AND day BETWEEN :first AND :last OR policy_id = ANY(CAST(:policies AS bigint[])))
""")

_ADD_DAYS = sa.text("""
    INSERT INTO claim_days (claim_number, day, member_id, policy_id, standing)
    SELECT :number, day, :member, policy_id, :standing
    FROM unnest(CAST(:days AS date[]), CAST(:policies AS bigint[])) AS new(day, policy_id)
""")

_OVER_LIMIT = sa.text("""
    SELECT EXISTS (
        SELECT FROM claim_parts p
        WHERE p.claim_number = :number AND p.limit_days IS NOT NULL
          AND (SELECT count(*) FROM claim_days d WHERE d.standing AND d.policy_id = p.policy_id) > p.limit_days)
""")

_APPROVE_PARTS = sa.text("""
    UPDATE claim_parts p SET approved_fen = coalesce(given.fen, p.payable_fen)
    FROM claim_parts own
    LEFT JOIN unnest(CAST(:policies AS bigint[]), CAST(:amounts AS bigint[])) AS given(policy_id, fen)
        ON given.policy_id = own.policy_id
    WHERE own.claim_number = :number AND p.claim_number = own.claim_number AND p.policy_id = own.policy_id
    RETURNING p.approved_fen
""")


_ADD = postgresql.insert(CLAIMS).on_conflict_do_nothing().returning(CLAIMS)

# Further columns come with the parameters.
_NOTE = (
    CLAIMS.update()
    .where(CLAIMS.c.number == sa.bindparam("claim"))
    .values(version=CLAIMS.c.version + 1, changed_at=sa.bindparam("now"))
    .returning(CLAIMS)
)
_CHANGE = _NOTE.where(CLAIMS.c.state == sa.any_(sa.bindparam("from_states", type_=sa.ARRAY(sa.Text))))
_CHANGE_VERSION = _CHANGE.where(CLAIMS.c.version == sa.bindparam("from_version"))

_STANDING_FOR = (
    sa.select(CLAIMS)
    .where(
        CLAIMS.c.member_id == sa.bindparam("member"),
        CLAIMS.c.standing,
        sa.or_(
            CLAIMS.c.event_hash == sa.any_(sa.bindparam("events", type_=sa.ARRAY(sa.Text))),
            CLAIMS.c.accident_hash == sa.any_(sa.bindparam("accidents", type_=sa.ARRAY(sa.Text))),
        ),
    )
    .limit(1)
)


async def next_number(tx: Transaction, district_code: str) -> str:
    """``GF`` + district + day + six digits; gaps mean nothing."""
    counted = (await tx.conn.execute(_NUMBER)).scalar_one()
    return f"GF{district_code}{shanghai_date(tx.now):%Y%m%d}{counted:06d}"


async def add(tx: Transaction, values: Mapping[str, Any]) -> sa.Row[Any] | None:
    """A new claim; None if another claim for the same event stands."""
    added = {**values, "filed_at": tx.now, "changed_at": tx.now}
    row: sa.Row[Any] | None = (await tx.conn.execute(_ADD, added)).one_or_none()
    return row


async def change(
    tx: Transaction,
    number: str,
    from_states: Iterable[ClaimState],
    to: ClaimState,
    *,
    version: int | None = None,
    retake: bool = False,
    **values: Any,
) -> sa.Row[Any] | None:
    """Move a claim on if it is in one of these states (and at this version); its row then, else None.

    Every change counts the version, tells ``claims.claim.changed.v1`` and leaves an audit entry. ``values`` are further
    columns. A claim that falls sets its event and its hospital days free; one that is reopened (or ``retake``) takes
    them again, and raises 409 ``same-event`` where another claim has taken them since.
    """
    states = [state for state in from_states if to in STEPS[state]]
    assert states, f"no step to {to}"
    changed = {"claim": number, "from_states": states, "now": tx.now, "state": to, **values}
    statement = _CHANGE
    if version is not None:
        statement, changed["from_version"] = _CHANGE_VERSION, version
    if to is not ClaimState.CLOSED:
        changed["standing"] = to not in FALLEN
    if retake or not FALLEN.isdisjoint(states):
        row = await _retaken(tx, statement, changed)
    else:
        row = (await tx.conn.execute(statement, changed)).one_or_none()
        if row is not None and to in FALLEN:
            await _free_days(tx.conn, number)
    if row is not None:
        _tell(tx, row, values)
    return row


async def _free_days(conn: AsyncConnection, number: str) -> None:
    days = CLAIM_DAYS.c
    await conn.execute(CLAIM_DAYS.update().where(days.claim_number == number, days.standing).values(standing=False))


async def _retaken(tx: Transaction, statement: sa.Executable, changed: Mapping[str, Any]) -> sa.Row[Any] | None:
    """Carry out a step that takes an event and days again, if nobody else has them."""
    try:
        async with tx.conn.begin_nested():
            row: sa.Row[Any] | None = (await tx.conn.execute(statement, changed)).one_or_none()
            if row is not None and row.standing:
                await _take_days(tx.conn, row)
    except IntegrityError as error:
        if "_once" not in str(error.orig):
            raise
        raise same_event() from None
    return row


async def _take_days(conn: AsyncConnection, row: Any) -> None:
    days = CLAIM_DAYS.c
    await hold_member(conn, row.member_id)
    await conn.execute(CLAIM_DAYS.update().where(days.claim_number == row.number, ~days.standing).values(standing=True))
    if await conn.scalar(_OVER_LIMIT, {"number": row.number}):
        raise conflict(
            "days-limit",
            "保单年度的给付天数已由其他申请用完",
            "其他给付申请已计入这些天数，请先核对该会员的其他申请。",
        )


def _tell(tx: Transaction, row: Any, values: Mapping[str, Any]) -> None:
    events.changed(tx, row)
    told = {name: values[name] for name in ("decided_by", "approved_fen", "refused_fen", "appeals") if name in values}
    tx.audit(f"claim.{row.state}", f"claim:{row.number}", organisation_id=row.union_id, after=told or None)


async def note(tx: Transaction, number: str, *, action: str, told: bool = True, **values: Any) -> sa.Row[Any]:
    """Change a locked claim's columns without a step; also this is counted, and told unless nobody acts on it."""
    row: sa.Row[Any] = (await tx.conn.execute(_NOTE, {"claim": number, "now": tx.now, **values})).one()
    if told:
        events.changed(tx, row)
    tx.audit(action, f"claim:{number}", organisation_id=row.union_id)
    return row


def same_event() -> Problem:
    """409: the same event is claimed already."""
    return conflict("same-event", "同一事由已有给付申请在办或已给付", "同一事由只给付一次；请核对原申请的办理情况。")


async def hold_member(conn: AsyncConnection, member_id: int) -> None:
    """Until the transaction ends nobody else counts this member's hospital days."""
    await conn.execute(_HOLD_MEMBER, {"member": member_id})


async def locked(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Claims by number, locked in their order: whoever changes a claim waits for the one before."""
    query = sa.select(CLAIMS).where(CLAIMS.c.number.in_(numbers)).order_by(CLAIMS.c.number).with_for_update()
    return {row.number: row for row in await conn.execute(query)}


async def by_numbers(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Claims by number."""
    return {row.number: row for row in await conn.execute(sa.select(CLAIMS).where(CLAIMS.c.number.in_(numbers)))}


def visible(scope: Scope) -> sa.ColumnElement[bool]:
    """A claim is its union's as it was filed, and of everybody above; not of a union the member went to later."""
    return scope.covers(ORGANISATIONS.c.path)


def with_names() -> sa.Select[Any]:
    """Claims with member, union and district as lists and pages show them."""
    district = ORGANISATIONS.alias("district")
    joined = (
        sa.join(CLAIMS, ORGANISATIONS, ORGANISATIONS.c.id == CLAIMS.c.union_id)
        .join(MEMBERS, MEMBERS.c.id == CLAIMS.c.member_id)
        .join(district, district.c.id == CLAIMS.c.district_id)
    )
    return sa.select(
        CLAIMS,
        MEMBERS.c.name.label("member_name"),
        MEMBERS.c.number.label("member_number"),
        MEMBERS.c.document_number.label("member_document"),
        ORGANISATIONS.c.name.label("union_name"),
        district.c.name.label("district_name"),
    ).select_from(joined)


_NUMBER_IS = CLAIMS.c.number == sa.bindparam("claim", type_=sa.Text)


def _reach(query: sa.Select[Any]) -> Mapping[str, sa.Select[Any]]:
    """One claim, as those see it who reach it: its union as it was filed, everybody above, the member itself."""
    return {
        "union": query.where(_NUMBER_IS, within_reach(ORGANISATIONS, below=False)),
        "above": query.where(_NUMBER_IS, within_reach(ORGANISATIONS, below=True)),
        "member": query.where(_NUMBER_IS, CLAIMS.c.member_id == sa.bindparam("member", type_=sa.BigInteger)),
    }


_BARE_CLAIM = sa.select(CLAIMS).join(ORGANISATIONS, ORGANISATIONS.c.id == CLAIMS.c.union_id)
# Made once: making a statement takes as long as carrying it out.
_NAMED, _BARE, _LOCKED = map(_reach, (with_names(), _BARE_CLAIM, _BARE_CLAIM.with_for_update(of=CLAIMS)))


async def _find(
    conn: AsyncConnection, principal: Principal, number: str, queries: Mapping[str, sa.Select[Any]]
) -> sa.Row[Any] | None:
    match principal.role:
        case Role.MEMBER:
            query, whose = queries["member"], {"member": principal.member_id}
        case Role.UNION:
            query, whose = queries["union"], {"organisation": principal.organisation_id}
        case _:
            query, whose = queries["above"], {"organisation": principal.organisation_id}
    row: sa.Row[Any] | None = (await conn.execute(query, {"claim": number, **whose})).one_or_none()
    return row


async def find(conn: AsyncConnection, principal: Principal, number: str) -> sa.Row[Any] | None:
    """A claim that the caller reaches, with names."""
    return await _find(conn, principal, number, _NAMED)


async def find_bare(
    conn: AsyncConnection, principal: Principal, number: str, *, lock: bool = False
) -> sa.Row[Any] | None:
    """The same without names; locked for whoever changes it."""
    return await _find(conn, principal, number, _LOCKED if lock else _BARE)


async def of_member(conn: AsyncConnection, member_id: int) -> Sequence[sa.Row[Any]]:
    """A member's claims, the newest first."""
    query = with_names().where(CLAIMS.c.member_id == member_id).order_by(CLAIMS.c.filed_at.desc(), CLAIMS.c.number)
    rows: Sequence[sa.Row[Any]] = (await conn.execute(query.limit(200))).all()
    return rows


async def standing_for(
    conn: AsyncConnection, member_id: int, event_hashes: Sequence[str], accident_hashes: Sequence[str]
) -> sa.Row[Any] | None:
    """The claim that stands for the same event."""
    given = {"member": member_id, "events": list(event_hashes), "accidents": list(accident_hashes)}
    row: sa.Row[Any] | None = (await conn.execute(_STANDING_FOR, given)).one_or_none()
    return row


async def parts(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """What a claim asks of each policy, by coverage year."""
    columns = CLAIM_PARTS.c
    query = sa.select(CLAIM_PARTS).where(columns.claim_number == number)
    rows: Sequence[sa.Row[Any]] = (await conn.execute(query.order_by(columns.coverage_year, columns.policy_id))).all()
    return rows


async def other_days(
    conn: AsyncConnection, row: Any, policies: Sequence[int]
) -> tuple[AbstractSet[date], Mapping[int, int]]:
    """Days of the member that other standing claims count, and how many of each policy they use."""
    values = {
        "number": row.number,
        "member": row.member_id,
        "first": row.event_day,
        "last": row.last_day,
        "policies": list(policies),
    }
    taken: set[date] = set()
    used: dict[int, int] = {}
    for day, policy_id in await conn.execute(_OTHER_DAYS, values):
        taken.add(day)
        used[policy_id] = used.get(policy_id, 0) + 1
    return taken, used


async def put_parts(conn: AsyncConnection, row: Any, found: Sequence[Part], *, standing: bool) -> None:
    """What a claim asks of each policy, and the days it counts, instead of what was there."""
    if row.cover_checked_at is not None:
        await conn.execute(CLAIM_DAYS.delete().where(CLAIM_DAYS.c.claim_number == row.number))
        await conn.execute(CLAIM_PARTS.delete().where(CLAIM_PARTS.c.claim_number == row.number))
    if not found:
        return
    values = [
        {
            "claim_number": row.number,
            "policy_id": one.policy.policy_id,
            "coverage_year": one.policy.coverage_year,
            "class_code": one.policy.class_code,
            "district_id": one.policy.district_id,
            "covered_from": one.policy.first_day,
            "nights": one.nights,
            "days": len(one.days),
            "limit_days": one.limit_days,
            "claimed_fen": one.claimed_fen,
            "payable_fen": one.payable_fen,
        }
        for one in found
    ]
    await conn.execute(CLAIM_PARTS.insert().values(values))
    days = [(day, one.policy.policy_id) for one in found for day in one.days]
    if days:
        arrays = {"days": [day for day, _ in days], "policies": [policy for _, policy in days]}
        given = {"number": row.number, "member": row.member_id, "standing": standing}
        await conn.execute(_ADD_DAYS, arrays | given)


async def approve_parts(conn: AsyncConnection, number: str, amounts: Mapping[int, int] | None = None) -> int:
    """Approve what the rules allow of each part, or these amounts by policy; the sum in fen."""
    given = dict(amounts or {})
    values = {"number": number, "policies": list(given), "amounts": list(given.values())}
    return sum((await conn.execute(_APPROVE_PARTS, values)).scalars())


async def put_heir(conn: AsyncConnection, number: str, values: Mapping[str, Any] | None) -> None:
    """The heir that is paid, encrypted; None: nobody."""
    await conn.execute(HEIRS.delete().where(HEIRS.c.claim_number == number))
    if values is not None:
        await conn.execute(HEIRS.insert().values({"claim_number": number, **values}))


async def heir(conn: AsyncConnection, number: str) -> sa.Row[Any] | None:
    """The heir that is paid, encrypted."""
    row: sa.Row[Any] | None = (await conn.execute(sa.select(HEIRS).where(HEIRS.c.claim_number == number))).one_or_none()
    return row


async def federation_ids(conn: AsyncConnection) -> list[int]:
    """The organisation to which the federation's and the centre's accounts belong."""
    columns = ORGANISATIONS.c
    return list((await conn.execute(sa.select(columns.id).where(columns.level == "federation"))).scalars())
