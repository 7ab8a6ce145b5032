"""All SQL of payouts and their batches after they were gathered."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.ledger.rules import Book, Share
from claims_svc.payouts.rules import GONE_CODES, NO_ACCOUNT, NO_MEMBER, PayoutState, Verdict
from claims_svc.payouts.tables import PAYOUT_BATCHES, PAYOUT_SET_ASIDE, PAYOUTS
from unioncard.contracts.cover import Benefit
from unioncard.unit_of_work import Transaction

# The first answer stands: asked again, card-svc may know more, but a batch is judged by one.
_TELL = sa.text("""
    UPDATE payouts p SET told_at = :now, unpayable = told.reason, account_number = told.number,
        account_end = told.number_end, limits_exempt = told.exempt
    FROM unnest(CAST(:batches AS text[]), CAST(:members AS bigint[]), CAST(:reasons AS text[]),
                CAST(:numbers AS text[]), CAST(:ends AS text[]), CAST(:exempts AS boolean[]))
         AS told(batch_number, member_id, reason, number, number_end, exempt)
    JOIN payout_batches b ON b.number = told.batch_number AND b.state = 'gathered'
    WHERE p.batch_number = told.batch_number AND p.member_id = told.member_id AND p.payee = 'own_card'
      AND p.told_at IS NULL AND p.state = 'waiting'
""")

_GONE = sa.text("""
    SELECT p.member_id, old.account_number
    FROM payouts p JOIN payouts old ON old.claim_number = p.claim_number
    WHERE p.batch_number = ANY(CAST(:batches AS text[])) AND p.payee = 'own_card' AND p.state = 'waiting'
      AND old.payee = 'own_card' AND old.state = 'returned' AND old.reason_code = ANY(CAST(:codes AS text[]))
""")

_UNTOLD = sa.text("""
    SELECT EXISTS (SELECT FROM payouts
                   WHERE batch_number = :batch AND payee = 'own_card' AND state = 'waiting' AND told_at IS NULL)
""")

# From here on the batch says what it says: holder and account are copied as they are now, and who cannot be paid is
# left out. All that is encrypted stays bound to its member, unit account or heir.
_FIX = sa.text(f"""
    UPDATE payouts p SET
        holder_name = CASE p.payee WHEN 'own_card' THEN m.name WHEN 'unit_account' THEN a.holder_name ELSE h.name END,
        account_number = CASE p.payee WHEN 'own_card' THEN p.account_number
            WHEN 'unit_account' THEN a.account_number ELSE h.account_number END,
        account_end = CASE p.payee WHEN 'own_card' THEN p.account_end
            WHEN 'unit_account' THEN a.account_end ELSE h.account_end END,
        unpayable = why.unpayable,
        state = CASE WHEN why.unpayable IS NULL THEN 'waiting' ELSE 'left_out' END
    FROM payouts o
    LEFT JOIN members m ON m.id = o.member_id
    LEFT JOIN unit_accounts a ON a.id = o.account_id AND a.district_id = o.district_id AND a.state = 'approved'
    LEFT JOIN heirs h ON h.claim_number = o.claim_number
    CROSS JOIN LATERAL (SELECT CASE o.payee
        WHEN 'own_card' THEN coalesce(o.unpayable, CASE WHEN m.id IS NULL THEN '{NO_MEMBER}' END)
        WHEN 'unit_account' THEN CASE WHEN a.id IS NULL THEN '{NO_ACCOUNT}' END
        ELSE CASE WHEN h.claim_number IS NULL THEN '{NO_ACCOUNT}' END END AS unpayable) why
    WHERE o.batch_number = :batch AND o.state = 'waiting' AND p.number = o.number
""")  # noqa: S608  # constants of ours

_COUNT = sa.text("""
    UPDATE payout_batches b SET payouts = n.payouts, amount_fen = n.amount_fen, waiting = n.waiting, paid = n.paid,
        returned = n.returned, left_out = n.left_out, answered_at = coalesce(:answered_at, b.answered_at),
        state = CASE WHEN b.state IN ('sending', 'sent') AND n.waiting = 0 THEN 'done' ELSE b.state END
    FROM (SELECT batch_number, count(*) FILTER (WHERE state <> 'left_out') AS payouts,
                 coalesce(sum(amount_fen) FILTER (WHERE state <> 'left_out'), 0) AS amount_fen,
                 count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'paid') AS paid,
                 count(*) FILTER (WHERE state = 'returned') AS returned,
                 count(*) FILTER (WHERE state = 'left_out') AS left_out
          FROM payouts WHERE batch_number = ANY(CAST(:batches AS text[])) GROUP BY 1) n
    WHERE b.number = n.batch_number RETURNING b.*
""")

_SHARES = sa.text("""
    SELECT pp.payout_number, pp.claim_number, pp.district_id, pp.coverage_year, pp.class_code, p.benefit,
           CAST(sum(pp.amount_fen) AS bigint) AS amount_fen
    FROM payout_parts pp JOIN payouts p ON p.number = pp.payout_number
    WHERE pp.payout_number = ANY(CAST(:payouts AS text[]))
    GROUP BY pp.payout_number, pp.claim_number, pp.district_id, pp.coverage_year, pp.class_code, p.benefit
    ORDER BY pp.payout_number, pp.coverage_year, pp.class_code
""")

_NOTE_FILE = sa.text("""
    INSERT INTO payout_files (day, fetched_at) VALUES (:day, :now)
    ON CONFLICT (day) DO UPDATE SET fetched_at = excluded.fetched_at
""")

_OLDEST_WAITING = sa.text("SELECT min(sent_at) FROM payout_batches WHERE state IN ('sending', 'sent')")


async def locked(conn: AsyncConnection, numbers: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """Batches by number, locked in their order."""
    columns = PAYOUT_BATCHES.c
    query = sa.select(PAYOUT_BATCHES).where(columns.number.in_(numbers)).order_by(columns.number).with_for_update()
    return {row.number: row for row in await conn.execute(query)}


async def batch(conn: AsyncConnection, number: str) -> sa.Row[Any] | None:
    """One batch."""
    query = sa.select(PAYOUT_BATCHES).where(PAYOUT_BATCHES.c.number == number)
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def members_to_ask(conn: AsyncConnection, batch_number: str) -> list[int]:
    """Members whose own cards a batch is to reach."""
    columns = PAYOUTS.c
    query = (
        sa.select(columns.member_id)
        .where(
            columns.batch_number == batch_number,
            columns.payee == "own_card",
            columns.state == PayoutState.WAITING.value,
        )
        .distinct()
        .order_by(columns.member_id)
    )
    return list((await conn.execute(query)).scalars())


async def numbers_gone(conn: AsyncConnection, batches: Sequence[str]) -> Sequence[tuple[int, str]]:
    """(member, card number) of which the bank has said, for a claim in these batches, that no money arrives there."""
    values = {"batches": list(batches), "codes": sorted(GONE_CODES)}
    return [(row.member_id, row.account_number) for row in await conn.execute(_GONE, values)]


async def tell(tx: Transaction, told: Sequence[dict[str, Any]]) -> None:
    """Take over card-svc's answers with one statement; later ones, and those nobody waits for, change nothing."""
    names = ("batch", "member", "reason", "number", "number_end", "exempt")
    plural = ("batches", "members", "reasons", "numbers", "ends", "exempts")
    values: dict[str, Any] = {given: [one[name] for one in told] for name, given in zip(names, plural, strict=True)}
    await tx.conn.execute(_TELL, values | {"now": tx.now})


async def is_untold(conn: AsyncConnection, batch_number: str) -> bool:
    """Whether card-svc's answer about some card is still to come."""
    return bool(await conn.scalar(_UNTOLD, {"batch": batch_number}))


async def fix(tx: Transaction, batch_number: str) -> Sequence[sa.Row[Any]]:
    """Fix what a locked batch says, for good; all its payouts then, those that are left out too."""
    await tx.conn.execute(_FIX, {"batch": batch_number})
    return await payouts(tx.conn, batch_number)


async def payouts(conn: AsyncConnection, batch_number: str) -> Sequence[sa.Row[Any]]:
    """All payouts of a batch, in their order."""
    query = sa.select(PAYOUTS).where(PAYOUTS.c.batch_number == batch_number).order_by(PAYOUTS.c.number)
    return (await conn.execute(query)).all()


async def set_batch(tx: Transaction, number: str, **values: Any) -> None:
    """Change a locked batch's own columns."""
    await tx.conn.execute(PAYOUT_BATCHES.update().where(PAYOUT_BATCHES.c.number == number).values(values))


async def leave_out(tx: Transaction, batch_number: str, why: str) -> Sequence[sa.Row[Any]]:
    """Take every waiting payout out of a batch that will not be paid; what was taken out."""
    columns = PAYOUTS.c
    statement = (
        PAYOUTS.update()
        .where(columns.batch_number == batch_number, columns.state == PayoutState.WAITING.value)
        .values(state=PayoutState.LEFT_OUT.value, unpayable=why)
        .returning(PAYOUTS)
    )
    rows: Sequence[sa.Row[Any]] = (await tx.conn.execute(statement)).all()
    return rows


async def recount(tx: Transaction, numbers: Sequence[str], answered_at: datetime | None) -> Sequence[sa.Row[Any]]:
    """Count locked batches anew; a batch that was sent and waits for nothing is done. Their rows."""
    return (await tx.conn.execute(_COUNT, {"batches": list(numbers), "answered_at": answered_at})).all()


async def shares(conn: AsyncConnection, numbers: Sequence[str]) -> list[tuple[Share, Benefit]]:
    """What each of these payouts takes from which book."""
    rows = await conn.execute(_SHARES, {"payouts": list(numbers)})
    return [
        (
            Share(
                row.payout_number,
                row.claim_number,
                Book(row.district_id, row.coverage_year, row.class_code),
                row.amount_fen,
            ),
            Benefit(row.benefit),
        )
        for row in rows
    ]


async def last_file(conn: AsyncConnection) -> date | None:
    """The newest day whose payout file has been taken over."""
    found: date | None = await conn.scalar(sa.text("SELECT max(day) FROM payout_files"))
    return found


async def note_file(tx: Transaction, day: date) -> None:
    """The payout file of a day has been taken over, whole."""
    await tx.conn.execute(_NOTE_FILE, {"day": day, "now": tx.now})


async def oldest_waiting(conn: AsyncConnection) -> datetime | None:
    """When the oldest batch was sent for which the bank still owes an answer."""
    found: datetime | None = await conn.scalar(_OLDEST_WAITING)
    return found


async def returns_of(conn: AsyncConnection, claim_number: str) -> int:
    """How often the bank has sent the money of a claim back."""
    columns = PAYOUTS.c
    query = sa.select(sa.func.count()).where(
        columns.claim_number == claim_number, columns.state == PayoutState.RETURNED.value
    )
    return int(await conn.scalar(query) or 0)


async def said_to_have_arrived(conn: AsyncConnection, claim_number: str) -> bool:
    """Whether the bank has said of money of the claim that came back that it arrived after all."""
    columns, aside = PAYOUTS.c, PAYOUT_SET_ASIDE.c
    query = sa.select(sa.true()).where(
        columns.claim_number == claim_number,
        columns.number == aside.payout_number,
        aside.why == Verdict.CONTRADICTS.value,
        aside.status == PayoutState.PAID.value,
    )
    return bool(await conn.scalar(query.limit(1)))


async def last_of_claim(conn: AsyncConnection, claim_number: str) -> sa.Row[Any] | None:
    """The last attempt to pay a claim."""
    columns = PAYOUTS.c
    query = sa.select(PAYOUTS).where(columns.claim_number == claim_number)
    row: sa.Row[Any] | None = (await conn.execute(query.order_by(columns.number.desc()).limit(1))).one_or_none()
    return row
