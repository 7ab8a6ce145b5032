"""Files what the bank says of payouts: callbacks and the nightly file alike, with a fixed number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims.bulk import change_all, lock
from claims_svc.ledger import store as ledger
from claims_svc.ledger.rules import came_back, confirmed, returned
from claims_svc.payouts import events, store
from claims_svc.payouts.models import Filed, PayoutAnswer, PayoutResult
from claims_svc.payouts.rules import SET_ASIDE, Known, PayoutState, Verdict, judge
from unioncard.contracts.claims import ClaimState, PayoutBatchState
from unioncard.unit_of_work import Transaction

_KNOWN = sa.text("""
    SELECT number, batch_number, claim_number, amount_fen, state, answered_at FROM payouts
    WHERE number = ANY(CAST(:numbers AS text[])) ORDER BY number FOR UPDATE
""")

_FILE = sa.text("""
    UPDATE payouts p SET state = new.status, answered_at = new.answered_at,
        paid_at = CASE WHEN new.status = 'paid' THEN new.answered_at ELSE p.paid_at END,
        returned_at = CASE WHEN new.status = 'returned' THEN new.answered_at END,
        reason_code = new.code, reason = new.reason
    FROM unnest(CAST(:numbers AS text[]), CAST(:statuses AS text[]), CAST(:moments AS timestamptz[]),
                CAST(:codes AS text[]), CAST(:reasons AS text[])) AS new(number, status, answered_at, code, reason)
    WHERE p.number = new.number
""")

_STANDING = sa.text("""
    SELECT c.number, c.approved_fen, count(*) FILTER (WHERE p.state = 'waiting') AS waiting,
           coalesce(sum(p.amount_fen) FILTER (WHERE p.state = 'paid'), 0) AS paid_fen
    FROM unnest(CAST(:claims AS text[])) AS asked(number)
    JOIN claims c ON c.number = asked.number JOIN payouts p ON p.claim_number = c.number
    GROUP BY c.number, c.approved_fen
""")

_SET_ASIDE = sa.text("""
    INSERT INTO payout_set_aside (why, answer_id, batch_number, payout_number, status, amount_fen, reason)
    SELECT * FROM unnest(CAST(:whys AS text[]), CAST(:answers AS text[]), CAST(:batches AS text[]),
        CAST(:numbers AS text[]), CAST(:statuses AS text[]), CAST(:amounts AS bigint[]), CAST(:reasons AS text[]))
    ON CONFLICT DO NOTHING
""")


@dataclass(slots=True)
class _Said:
    """One result on its way to where it belongs. ``was``: the payout's state before it, ``claim``: whose it is."""

    answer: PayoutAnswer
    result: PayoutResult
    verdict: Verdict = Verdict.UNKNOWN_BATCH
    was: PayoutState = PayoutState.WAITING
    claim: str = ""

    @property
    def number(self) -> str:
        return self.result.payout_number

    @property
    def status(self) -> PayoutState:
        return PayoutState(self.result.status)


async def file_answers(tx: Transaction, answers: Sequence[PayoutAnswer]) -> Filed:
    """File every result of these answers; a repeat changes nothing, what does not fit is set aside.

    News moves the payout, its claim and the ledger together, and tells the losses and how the batch stands.
    """
    said = [_Said(answer, result) for answer in answers for result in answer.results]
    batches = await store.locked(tx.conn, sorted({one.answer.batch_number for one in said}))
    await _judge_all(tx.conn, said, batches)
    news = [one for one in said if one.verdict is Verdict.NEWS]
    aside = [one for one in said if one.verdict in SET_ASIDE]
    # A payout may arrive and come back within one file: first all that arrived, then all that came back after that.
    for wanted in (True, False):
        turn = [one for one in news if (one.was is PayoutState.WAITING) is wanted]
        if turn:
            await _file(tx, turn)
    if news:
        latest = max(one.answer.answered_at for one in news)
        for row in await store.recount(tx, sorted({one.answer.batch_number for one in news}), latest):
            events.answered(tx, row)
            after = {"waiting": row.waiting, "paid": row.paid, "returned": row.returned}
            tx.audit("payout-batch.answered", f"payout-batch:{row.number}", after=after)
    if aside:
        await _put_aside(tx, aside)
    return Filed(results=len(said), news=len(news), repeats=len(said) - len(news) - len(aside), set_aside=len(aside))


async def _judge_all(conn: AsyncConnection, said: Sequence[_Said], batches: dict[str, sa.Row[Any]]) -> None:
    rows = await conn.execute(_KNOWN, {"numbers": sorted({one.number for one in said})})
    known: dict[str, Known] = {}
    claims: dict[str, str] = {}
    for row in rows:
        batch = batches.get(row.batch_number)
        # Of a batch that is not named here nothing is asked but whose payout it is.
        sent = batch is not None and batch.state != PayoutBatchState.GATHERED
        known[row.number] = Known(row.batch_number, row.amount_fen, PayoutState(row.state), sent, row.answered_at)
        claims[row.number] = row.claim_number
    for one in said:
        if one.answer.batch_number not in batches:
            continue
        seen = known.get(one.number)
        moment = one.answer.answered_at
        one.verdict = judge(seen, one.answer.batch_number, one.status, one.result.amount_fen, moment)
        if one.verdict is Verdict.NEWS and seen is not None:
            one.was, one.claim = seen.state, claims[one.number]
            # From here on this is what we know, for whatever else these answers say of the payout.
            known[one.number] = Known(seen.batch_number, seen.amount_fen, one.status, True, moment)


async def _file(tx: Transaction, news: Sequence[_Said]) -> None:
    await tx.conn.execute(
        _FILE,
        {
            "numbers": [one.number for one in news],
            "statuses": [one.status.value for one in news],
            "moments": [one.answer.answered_at for one in news],
            "codes": [one.result.reason_code for one in news],
            "reasons": [one.result.reason for one in news],
        },
    )
    arrived = {one.number for one in news if one.status is PayoutState.PAID}
    after_all = {one.number for one in news if one.number not in arrived and one.was is PayoutState.PAID}
    shares = await store.shares(tx.conn, [one.number for one in news])
    postings = [
        confirmed(share)
        if share.payout_number in arrived
        else came_back(share)
        if share.payout_number in after_all
        else returned(share)
        for share, _ in shares
    ]
    await ledger.post(tx, postings)
    await _move_claims(tx, sorted({one.claim for one in news}))
    events.settled(tx, [one for one in shares if one[0].payout_number in arrived], 1)
    events.settled(tx, [one for one in shares if one[0].payout_number in after_all], -1)


async def _move_claims(tx: Transaction, numbers: Sequence[str]) -> None:
    """Claims stand as their payouts stand: on their way, all there, or something is owed again.

    A claim that is reviewed anew stays there: what came back is owed, and goes out with the next payout.
    """
    # Whoever files another payout of the same claim waits, and then sees this one.
    await lock(tx, numbers)
    rows = (await tx.conn.execute(_STANDING, {"claims": list(numbers)})).all()
    whole = [row.number for row in rows if not row.waiting and row.paid_fen >= row.approved_fen]
    owed = [row.number for row in rows if not row.waiting and row.paid_fen < row.approved_fen]
    await change_all(tx, whole, [ClaimState.PAYING], ClaimState.PAID)
    await change_all(tx, owed, [ClaimState.PAYING, ClaimState.PAID, ClaimState.CLOSED], ClaimState.RETURNED)


async def _put_aside(tx: Transaction, aside: Sequence[_Said]) -> None:
    await tx.conn.execute(
        _SET_ASIDE,
        {
            "whys": [one.verdict.value for one in aside],
            "answers": [one.answer.answer_id for one in aside],
            "batches": [one.answer.batch_number for one in aside],
            "numbers": [one.number for one in aside],
            "statuses": [one.result.status for one in aside],
            "amounts": [one.result.amount_fen for one in aside],
            "reasons": [one.result.reason for one in aside],
        },
    )
