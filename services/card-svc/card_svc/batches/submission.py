"""All SQL of submitting: the to-do list of a channel becomes one or more batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.batches.rules import BATCH_LIMIT, NUMBERS_A_MINUTE, batch_number, number_stem
from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import Step
from card_svc.cards import store as cards
from card_svc.cards.tables import COMPLETE, DOCUMENT_TYPE, EXPIRY, NATIONALITY
from card_svc.personal import PersonalData
from unioncard.contracts.cards import Channel
from unioncard.telemetry import current_traceparent
from unioncard.unit_of_work import Transaction

_HOLDS_UP = f"(t.check_state <> 'passed' OR t.channel = 'special' AND NOT {COMPLETE})"
_JOINED = "JOIN members m ON m.id = t.member_id JOIN cards c ON c.member_id = t.member_id"

_COUNT = sa.text(f"""
    WITH locked AS MATERIALIZED (
        SELECT * FROM todo WHERE union_id = :union AND channel = :channel ORDER BY member_id FOR UPDATE
    )
    SELECT count(*) AS total, count(*) FILTER (WHERE {_HOLDS_UP}) AS holding_up FROM locked t {_JOINED}
""")  # noqa: S608  # constants of ours

_HOLDING_UP = sa.text(f"""
    SELECT t.member_id, t.check_state, {COMPLETE} AS complete, m.name, m.document_number
    FROM todo t {_JOINED}
    WHERE t.union_id = :union AND t.channel = :channel AND {_HOLDS_UP} ORDER BY m.number, m.id LIMIT :limit
""")  # noqa: S608  # constants of ours

# Rivals for one district's minute take turns on this row; the rest of their transactions is short.
_NUMBERS = sa.text("""
    INSERT INTO batch_numbers (stem, used) VALUES (:stem, :wanted)
    ON CONFLICT (stem) DO UPDATE SET used = batch_numbers.used + :wanted
    WHERE batch_numbers.used + :wanted <= :most
    RETURNING used
""")

_TAKE = sa.text(f"""
    INSERT INTO batch_members (batch_number, place, member_id, member_number, name, document_type, document_number,
        document_expiry, nationality, sex, birth_date, mobile, address)
    SELECT (CAST(:numbers AS text[]))[position / :size + 1], position % :size + 1, id, number, name, type,
        document_number, expiry, nationality, sex, birth_date, mobile, address
    FROM (SELECT m.id, m.number, m.name, {DOCUMENT_TYPE} AS type, m.document_number, {EXPIRY} AS expiry,
                 {NATIONALITY} AS nationality, m.sex, m.birth_date, m.mobile, m.address,
                 CAST(row_number() OVER (ORDER BY m.number, m.id) - 1 AS integer) AS position
          FROM todo t {_JOINED} WHERE t.union_id = :union AND t.channel = :channel) AS listed
""")  # noqa: S608  # constants of ours

_MOVE = sa.text("""
    WITH gone AS (
        DELETE FROM todo t USING batch_members bm
        WHERE bm.batch_number = ANY(CAST(:numbers AS text[])) AND t.member_id = bm.member_id
    )
    UPDATE cards c SET state = 'in_batch', version = c.version + 1, batch_number = bm.batch_number, channel = :channel,
        failed_code = NULL, failed_reason = NULL
    FROM batch_members bm
    WHERE bm.batch_number = ANY(CAST(:numbers AS text[])) AND c.member_id = bm.member_id AND c.state = 'to_do'
    RETURNING c.member_id, c.version, c.state, CAST(:union AS bigint)
""")

_INSERT = sa.text("""
    INSERT INTO batches (number, members, contact_name, contact_mobile, union_id, district_code, channel, state,
        outlet_code, branch, outlet_name, outlet_address, submitted_at, submitted_by, traceparent)
    SELECT number, members, contact_name, contact_mobile, :union, :district, :channel, 'submitted',
        :outlet, :branch, :outlet_name, :outlet_address, :now, :actor, :traceparent
    FROM unnest(CAST(:numbers AS text[]), CAST(:sizes AS integer[]), CAST(:names AS text[]), CAST(:mobiles AS text[]))
        AS new(number, members, contact_name, contact_mobile)
    ORDER BY number
""")


@dataclass(frozen=True, slots=True)
class Submission:
    """What a union submits: a channel, where its cards are to be collected, and whom the bank calls."""

    union_id: int
    district_code: str
    channel: Channel
    outlet: sa.Row[Any] | None
    contact_name: str
    contact_mobile: str


async def count(conn: AsyncConnection, union_id: int, channel: Channel) -> tuple[int, int]:
    """(records of the channel, those that hold the submission up), all locked."""
    row = (await conn.execute(_COUNT, {"union": union_id, "channel": channel.value})).one()
    return row.total, row.holding_up


async def holding_up(conn: AsyncConnection, union_id: int, channel: Channel, limit: int) -> Sequence[sa.Row[Any]]:
    """The first of those that hold the submission up."""
    values = {"union": union_id, "channel": channel.value, "limit": limit}
    return (await conn.execute(_HOLDING_UP, values)).all()


async def take_numbers(tx: Transaction, district_code: str, wanted: int) -> list[str]:
    """Numbers nobody has. Decision: when a district's minute is used up, those of the next minute are taken."""
    moment = tx.now
    while True:
        stem = number_stem(district_code, moment)
        values = {"stem": stem, "wanted": wanted, "most": NUMBERS_A_MINUTE}
        used = await tx.conn.scalar(_NUMBERS, values)
        if used is not None:
            return [batch_number(stem, place) for place in range(used - wanted, used)]
        moment += timedelta(minutes=1)


async def submit(
    tx: Transaction, personal: PersonalData, submission: Submission, numbers: Sequence[str], sizes: Sequence[int]
) -> None:
    """Move every record of the channel into batches, with the data the bank will be sent; tells the card states."""
    by_union = {"union": submission.union_id, "channel": submission.channel.value, "numbers": list(numbers)}
    outlet = submission.outlet
    await tx.conn.execute(
        _INSERT,
        by_union
        | {
            "sizes": list(sizes),
            "names": [personal.encrypt("contact_name", one, submission.contact_name) for one in numbers],
            "mobiles": [personal.encrypt("contact_mobile", one, submission.contact_mobile) for one in numbers],
            "district": submission.district_code,
            "outlet": outlet.code if outlet else None,
            "branch": outlet.branch if outlet else None,
            "outlet_name": outlet.name if outlet else None,
            "outlet_address": outlet.address if outlet else None,
            "now": tx.now,
            "actor": tx.actor,
            "traceparent": current_traceparent(),
        },
    )
    taken = await tx.conn.execute(_TAKE, by_union | {"size": BATCH_LIMIT})
    moved = cards.changed(await tx.conn.execute(_MOVE, by_union))
    # The records are locked and their union's staff wait, so this cannot differ; if it did, nothing must be written.
    assert len(moved) == taken.rowcount == sum(sizes)
    await cardlog.add_for_batches(tx, Step.SUBMITTED, numbers)
    cards.publish(tx, moved)
