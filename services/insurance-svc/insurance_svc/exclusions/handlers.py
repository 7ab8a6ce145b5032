"""What the exclusion check asks of this service: whom to ask about, and to write down what the office said."""

from collections.abc import Sequence

from insurance_svc.exclusions import store
from insurance_svc.exclusions.rules import CHUNK, by_member
from insurance_svc.exclusions.store import Question
from unioncard.contracts.insurance import (
    ExclusionChunk,
    ExclusionsRecorded,
    NextExclusions,
    RecordExclusions,
)
from unioncard.contracts.model import Contract
from unioncard.messaging.handling import CommandHandler, Message, Outcome, Refused, Succeeded
from unioncard.unit_of_work import Transaction

_BEGINNING = (0, 0)


async def next_members(tx: Transaction, messages: Sequence[Message[NextExclusions]]) -> Sequence[Outcome]:
    """A chunk for each command."""
    return [await _next(tx, message.data) for message in messages]


async def _next(tx: Transaction, command: NextExclusions) -> Outcome:
    question = Question(command.district_id, command.batch_number)
    if command.batch_number and not await store.batch_exists(tx.conn, command.batch_number):
        return Refused("unknown-batch", "没有这个参保批次")
    rows = await store.members(tx.conn, question, command.after or _BEGINNING, CHUNK + 1)
    chunk = rows[:CHUNK]
    return Succeeded(
        ExclusionChunk(
            member_ids=[row.member_id for row in chunk],
            next=(chunk[-1].place, chunk[-1].sequence) if len(rows) > CHUNK else None,
            total=await store.count(tx.conn, question) if command.after is None else None,
            asked_at=tx.now,
        )
    )


async def record(tx: Transaction, messages: Sequence[Message[RecordExclusions]]) -> Sequence[Outcome]:
    """An audit entry for each answer, also one that excludes nobody: it proves that the office was asked."""
    return [await _record(tx, message.data) for message in messages]


async def _record(tx: Transaction, command: RecordExclusions) -> Outcome:
    excluded = by_member(command.asked, command.excluded)
    written, cleared = await store.record(tx.conn, command.coverage_year, command.asked_at, command.asked, excluded)
    about = f"district:{command.district_id}"
    if command.batch_number:
        about = f"batch:{command.batch_number}"
        if command.last:
            await store.set_checked(tx.conn, command.batch_number, command.asked_at)
    after = {
        "coverage_year": command.coverage_year,
        "asked": len(command.asked),
        "excluded": {str(one): excluded[one] for one in written},
        "cleared": cleared,
    }
    tx.audit("exclusions.recorded", about, organisation_id=command.district_id, after=after)
    return Succeeded(ExclusionsRecorded(excluded=len(written), cleared=len(cleared)))


HANDLERS: dict[type[Contract], CommandHandler] = {NextExclusions: next_members, RecordExclusions: record}
