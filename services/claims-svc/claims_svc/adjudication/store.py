"""All SQL of decisions, medical questions and appeals."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.adjudication.tables import APPEALS, DECISIONS, MEDICAL_QUESTIONS
from unioncard.contracts.claims import ClaimState
from unioncard.unit_of_work import Transaction

REVIEWED = (ClaimState.ADJUDICATING, ClaimState.MEDICAL_REVIEW, ClaimState.CONFIRMING)
"""States of the centre's queue."""

# Approved and neither paid nor on its way, by the books.
_OWED = sa.text("SELECT coalesce(-sum(amount_fen), 0) FROM ledger WHERE claim_number = :number AND account = 'payable'")

# Nobody reviews what he filed, confirms what he decided, answers what he asked, or hears an appeal against himself.
_NOT_MINE = """
    c.filed_by <> :account
    AND NOT EXISTS (SELECT FROM claim_decisions d WHERE d.claim_number = c.number
                    AND (d.state = 'waiting' AND d.proposed_by = :account
                         OR d.state = 'final' AND d.round = c.appeals - 1 AND c.state <> 'medical_review'
                            AND :account IN (d.proposed_by, d.confirmed_by)))
    AND NOT EXISTS (SELECT FROM medical_questions q
                    WHERE q.claim_number = c.number AND q.answered_by IS NULL AND q.asked_by = :account)
"""

_QUEUE = f"""
    SELECT c.number, c.state, c.changed_at, c.filed_at, c.benefit, c.payee, c.coverage_year, c.class_code, c.appeals,
           c.claimed_fen, c.listed, u.name AS union_name, d.name AS district_name, ({_NOT_MINE}) AS allowed
    FROM claims c JOIN organisations u ON u.id = c.union_id JOIN organisations d ON d.id = c.district_id
    WHERE c.state = ANY(CAST(:states AS text[])) {{after}}
    ORDER BY c.changed_at, c.number LIMIT :limit
"""  # noqa: S608  # the words above

_COUNTS = sa.text("""
    SELECT state, count(*) AS claims, coalesce(sum(claimed_fen), 0) AS claimed_fen, min(changed_at) AS oldest
    FROM claims WHERE state = ANY(CAST(:states AS text[])) GROUP BY state
""")


async def owed(conn: AsyncConnection, number: str) -> int:
    """What was approved of a claim and is neither paid nor on its way, in fen."""
    return int(await conn.scalar(_OWED, {"number": number}) or 0)


async def add_decision(tx: Transaction, row: Any, by: int, **values: Any) -> int:
    """A decision on a locked claim."""
    statement = DECISIONS.insert().values(
        claim_number=row.number, round=row.appeals, proposed_by=by, proposed_at=tx.now, **values
    )
    return int((await tx.conn.execute(statement.returning(DECISIONS.c.id))).scalar_one())


async def waiting_decision(conn: AsyncConnection, number: str) -> sa.Row[Any] | None:
    """The decision that waits for its second pair of eyes."""
    columns = DECISIONS.c
    query = sa.select(DECISIONS).where(columns.claim_number == number, columns.state == "waiting")
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def close_decision(tx: Transaction, decision_id: int, *, final: bool, by: int, note: str | None) -> None:
    """The second pair of eyes has looked at it."""
    values = {"state": "final" if final else "rejected", "confirmed_by": by, "confirmed_at": tx.now}
    statement = DECISIONS.update().where(DECISIONS.c.id == decision_id)
    await tx.conn.execute(statement.values(values | {"confirmation_note": note}))


async def decided_before(conn: AsyncConnection, row: Any) -> set[int]:
    """Accounts that made the decision which this appeal is against."""
    columns = DECISIONS.c
    query = sa.select(columns.proposed_by, columns.confirmed_by).where(
        columns.claim_number == row.number, columns.round == row.appeals - 1, columns.state == "final"
    )
    return {account for found in await conn.execute(query) for account in found if account is not None}


async def ask(tx: Transaction, number: str, question: str, by: int) -> None:
    """A medical question about a locked claim."""
    values = {"claim_number": number, "question": question, "asked_by": by, "asked_at": tx.now}
    await tx.conn.execute(MEDICAL_QUESTIONS.insert().values(values))


async def open_question(conn: AsyncConnection, number: str) -> sa.Row[Any] | None:
    """The question that waits for its answer."""
    columns = MEDICAL_QUESTIONS.c
    query = sa.select(MEDICAL_QUESTIONS).where(columns.claim_number == number, columns.answered_by.is_(None))
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def answer(tx: Transaction, question_id: int, text: str, by: int) -> None:
    """The answer of another reviewer."""
    statement = MEDICAL_QUESTIONS.update().where(MEDICAL_QUESTIONS.c.id == question_id)
    await tx.conn.execute(statement.values(answer=text, answered_by=by, answered_at=tx.now))


async def add_appeal(tx: Transaction, row: Any, reason: str, by: int, role: str) -> None:
    """An appeal against what stands of a locked claim."""
    values = {
        "claim_number": row.number,
        "round": row.appeals + 1,
        "reason": reason,
        "made_by": by,
        "made_by_role": role,
        "made_at": tx.now,
        "against_state": row.state,
        "against_by": row.decided_by,
        "against_at": row.decided_at,
        "against_reasons": row.reasons,
        "against_refused_fen": row.refused_fen,
    }
    await tx.conn.execute(APPEALS.insert().values(values))


async def decisions(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """All decisions of persons on a claim, the oldest first."""
    query = sa.select(DECISIONS).where(DECISIONS.c.claim_number == number).order_by(DECISIONS.c.id)
    return (await conn.execute(query)).all()


async def questions(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """All medical questions about a claim, the oldest first."""
    columns = MEDICAL_QUESTIONS.c
    return (
        await conn.execute(sa.select(MEDICAL_QUESTIONS).where(columns.claim_number == number).order_by(columns.id))
    ).all()


async def appeals(conn: AsyncConnection, number: str) -> Sequence[sa.Row[Any]]:
    """All appeals, the oldest first."""
    columns = APPEALS.c
    return (await conn.execute(sa.select(APPEALS).where(columns.claim_number == number).order_by(columns.round))).all()


async def queue(
    conn: AsyncConnection, account: int, state: str | None, after: tuple[Any, ...] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """What waits for the centre, the longest waiting first, and whether this account may take it."""
    following = "AND (c.changed_at, c.number) > (:moment, :number)" if after else ""
    values: dict[str, Any] = {"account": account, "states": [state] if state else list(REVIEWED), "limit": limit}
    if after:
        values |= {"moment": after[0], "number": after[1]}
    return (await conn.execute(sa.text(_QUEUE.format(after=following)), values)).all()


async def counts(conn: AsyncConnection) -> dict[str, sa.Row[Any]]:
    """How many wait in each state of the queue, for how much, and since when."""
    return {row.state: row for row in await conn.execute(_COUNTS, {"states": list(REVIEWED)})}
