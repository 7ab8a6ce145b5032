"""Files what the bank says: one bulk function for callbacks and the state file, with a fixed number of statements."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.bank.models import Answer, Filed, Result
from card_svc.bank.rules import SET_ASIDE, Known, Verdict, judge
from card_svc.batches import events
from card_svc.batches import store as batches
from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import Step
from card_svc.cards import store as cards
from card_svc.personal import PersonalData
from unioncard.dates import SHANGHAI
from unioncard.unit_of_work import Transaction

_KNOWN = sa.text("""
    SELECT bm.batch_number, bm.member_id, bm.outcome, bm.card_hash,
           coalesce(c.state = 'in_batch' AND c.batch_number = bm.batch_number, false) AS in_this_batch
    FROM unnest(CAST(:batches AS text[]), CAST(:members AS bigint[])) AS said(batch_number, member_id)
    JOIN batch_members bm ON bm.batch_number = said.batch_number AND bm.member_id = said.member_id
    LEFT JOIN cards c ON c.member_id = bm.member_id
""")

# Also who had a number before it was replaced, or cancelled it.
_HOLDERS = sa.text("""
    SELECT card_hash, member_id FROM cards WHERE card_hash = ANY(CAST(:hashes AS text[]))
    UNION ALL
    SELECT cn.card_hash, l.member_id FROM card_numbers cn JOIN card_lives l ON l.account_hash = cn.account_hash
    WHERE cn.card_hash = ANY(CAST(:hashes AS text[]))
""")

_FILE = sa.text(f"""
    WITH new AS (
        SELECT * FROM unnest(CAST(:batches AS text[]), CAST(:members AS bigint[]), CAST(:statuses AS text[]),
                             CAST(:numbers AS text[]), CAST(:hashes AS text[]), CAST(:issued AS timestamptz[]),
                             CAST(:codes AS text[]), CAST(:reasons AS text[]), CAST(:ends AS text[]))
            AS said(batch_number, member_id, status, card_number, card_hash, issued_at, code, reason, number_end)
    ), filed AS (
        UPDATE batch_members bm SET outcome = new.status, card_hash = new.card_hash, reason_code = new.code,
            reason = new.reason, answered_at = :now,
            -- Who comes on the special channel is handed the card at the counter (domain 4.6).
            pickup = CASE WHEN new.status = 'issued' AND b.channel = 'special' THEN 'collected' END,
            picked_up_on = CASE WHEN new.status = 'issued' AND b.channel = 'special' THEN CAST(:today AS date) END
        FROM new JOIN batches b ON b.number = new.batch_number
        WHERE bm.batch_number = new.batch_number AND bm.member_id = new.member_id AND bm.outcome = 'waiting'
        RETURNING bm.member_id, b.union_id
    )
    UPDATE cards c SET state = new.status, version = c.version + 1, card_number = new.card_number,
        card_hash = new.card_hash, issued_at = new.issued_at, failed_code = new.code, failed_reason = new.reason,
        number_end = new.number_end
    FROM new JOIN filed ON filed.member_id = new.member_id
    WHERE c.member_id = new.member_id AND c.state = 'in_batch' AND c.batch_number = new.batch_number
    RETURNING c.member_id, c.version, c.state, filed.union_id, {cards.NUMBERED_ON}, c.number_end
""")  # noqa: S608  # a constant of ours

_SET_ASIDE = sa.text("""
    INSERT INTO set_aside (why, answer_id, batch_number, member_ref, status, card_number, card_hash, reason)
    SELECT * FROM unnest(CAST(:whys AS text[]), CAST(:answers AS text[]), CAST(:batches AS text[]),
        CAST(:members AS text[]), CAST(:statuses AS text[]), CAST(:numbers AS text[]), CAST(:hashes AS text[]),
        CAST(:reasons AS text[]))
    ON CONFLICT DO NOTHING
""")


@dataclass(slots=True)
class _Said:
    """One result on its way to where it belongs."""

    answer: Answer
    result: Result
    card_hash: str | None
    verdict: Verdict = Verdict.UNKNOWN_BATCH

    @property
    def member_id(self) -> int | None:
        ref = self.result.member_id
        return ref if isinstance(ref, int) else None


async def file_answers(tx: Transaction, personal: PersonalData, answers: Sequence[Answer]) -> Filed:
    """File every result of these answers; a repeat changes nothing, what does not fit is set aside.

    Per member it is guarded: waiting → issued or failed. Tells the new card states, and ``card.batch.answered.v1`` for
    each batch with news. Statements do not grow with the number of answers or results.
    """
    said = await asyncio.to_thread(_flattened, personal, answers)
    known_batches = await batches.locked(tx.conn, sorted({one.answer.batch_number for one in said}))
    await _judge_all(tx.conn, said, known_batches)
    news = [one for one in said if one.verdict is Verdict.NEWS]
    aside = [one for one in said if one.verdict in SET_ASIDE]
    if news:
        await _file(tx, personal, news, known_batches)
    if aside:
        await _put_aside(tx, personal, aside)
    return Filed(results=len(said), news=len(news), repeats=len(said) - len(news) - len(aside), set_aside=len(aside))


def _flattened(personal: PersonalData, answers: Sequence[Answer]) -> list[_Said]:
    return [
        _Said(answer, result, personal.card_hash(result.card_number) if result.card_number else None)
        for answer in answers
        for result in answer.results
    ]


async def _judge_all(conn: AsyncConnection, said: Sequence[_Said], known_batches: dict[str, Any]) -> None:
    ours = [one for one in said if one.answer.batch_number in known_batches]
    pairs = [(one.answer.batch_number, one.member_id) for one in ours if one.member_id is not None]
    rows = await conn.execute(_KNOWN, {"batches": [b for b, _ in pairs], "members": [m for _, m in pairs]})
    known = {(row.batch_number, row.member_id): Known(row.outcome, row.card_hash, row.in_this_batch) for row in rows}
    hashes = [one.card_hash for one in ours if one.card_hash]
    holders: dict[str, int] = {row.card_hash: row.member_id for row in await conn.execute(_HOLDERS, {"hashes": hashes})}
    for one in ours:
        place = (one.answer.batch_number, one.member_id or 0)
        taken = one.card_hash is not None and holders.get(one.card_hash, one.member_id) != one.member_id
        one.verdict = judge(known.get(place), one.result.status, one.card_hash, taken=taken)
        if one.verdict is Verdict.NEWS:
            # From here on this is what we know, for whatever else these answers say of the member or the card.
            known[place] = Known(one.result.status, one.card_hash, in_this_batch=False)
            if one.card_hash and one.member_id is not None:
                holders[one.card_hash] = one.member_id


async def _file(tx: Transaction, personal: PersonalData, news: Sequence[_Said], known_batches: dict[str, Any]) -> None:
    issued_at: list[datetime | None] = [
        (one.result.issued_at or one.answer.answered_at) if one.card_hash else None for one in news
    ]
    values: dict[str, Any] = {
        "batches": [one.answer.batch_number for one in news],
        "members": [one.member_id for one in news],
        "statuses": [one.result.status for one in news],
        "numbers": await asyncio.to_thread(_encrypted_numbers, personal, news),
        "hashes": [one.card_hash for one in news],
        "issued": issued_at,
        "codes": [one.result.reason_code for one in news],
        "reasons": [one.result.reason for one in news],
        "ends": [one.result.card_number[-4:] if one.result.card_number else None for one in news],
        "now": tx.now,
        "today": tx.now.astimezone(SHANGHAI).date(),
    }
    changed = cards.changed(await tx.conn.execute(_FILE, values))
    # The batches are locked since before the judgement, so nothing can have come between.
    assert len(changed) == len(news)
    await cardlog.add_each(
        tx,
        values["members"],
        [Step.ISSUED if one.card_hash else Step.FAILED for one in news],
        values["batches"],
        values["reasons"],
    )
    for row in await batches.recount(tx.conn, sorted(set(values["batches"])), tx.now):
        events.answered(tx, row, tx.now)
        tx.audit(
            "batch.answered",
            f"batch:{row.number}",
            organisation_id=row.union_id,
            after=events.counts_of(row).model_dump(),
        )
    by_trace: dict[str | None, list[cards.Changed]] = {}
    trace_of = {one.member_id: known_batches[one.answer.batch_number].traceparent for one in news}
    for one in changed:
        by_trace.setdefault(trace_of[one.member_id], []).append(one)
    for traceparent, group in by_trace.items():
        cards.publish(tx, group, traceparent)


def _encrypted_numbers(personal: PersonalData, news: Sequence[_Said]) -> list[str | None]:
    return [
        personal.encrypt("card_number", one.member_id, one.result.card_number)
        if one.result.card_number and one.member_id is not None
        else None
        for one in news
    ]


async def _put_aside(tx: Transaction, personal: PersonalData, aside: Sequence[_Said]) -> None:
    numbers = [
        personal.encrypt("card_number", one.answer.batch_number, one.result.card_number)
        if one.result.card_number
        else None
        for one in aside
    ]
    await tx.conn.execute(
        _SET_ASIDE,
        {
            "whys": [one.verdict.value for one in aside],
            "answers": [one.answer.answer_id for one in aside],
            "batches": [one.answer.batch_number for one in aside],
            "members": [str(one.result.member_id) for one in aside],
            "statuses": [one.result.status for one in aside],
            "numbers": numbers,
            "hashes": [one.card_hash or "" for one in aside],
            "reasons": [one.result.reason for one in aside],
        },
    )


async def oldest_waiting(conn: AsyncConnection) -> datetime | None:
    """When the oldest batch was submitted for which the bank still owes an answer."""
    query = sa.text("SELECT min(submitted_at) FROM batches WHERE issued + failed < members AND state <> 'refused'")
    found: datetime | None = await conn.scalar(query)
    return found
