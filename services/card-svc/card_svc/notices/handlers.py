"""The command that puts a notice about a batch before the people concerned."""

from collections.abc import Sequence
from typing import Any

from card_svc.batches import store as batches
from card_svc.batches.events import counts_of
from card_svc.batches.rules import BatchState
from card_svc.notices import rules, store
from card_svc.organisations import names_of
from unioncard.contracts.cards import Channel, NotifyBatch, NotifyBatchResult
from unioncard.dates import shanghai_date
from unioncard.messaging.handling import Message, Outcome, Refused, Succeeded
from unioncard.unit_of_work import Transaction

_OVER = frozenset({BatchState.CLOSED, BatchState.REFUSED})


async def notify_batches(tx: Transaction, messages: Sequence[Message[NotifyBatch]]) -> Sequence[Outcome]:
    """Write the notices of all these commands with a fixed number of statements."""
    rows = await batches.by_numbers(tx.conn, sorted({message.data.batch_number for message in messages}))
    names = await names_of(tx.conn, sorted({row.union_id for row in rows.values()}))
    known = [message.data for message in messages if message.data.batch_number in rows]
    told = await store.tell(tx, [_notice(tx, one, rows[one.batch_number], names) for one in known])
    return [_outcome(message.data, rows.get(message.data.batch_number), told) for message in messages]


def _notice(tx: Transaction, command: NotifyBatch, row: Any, names: dict[int, str]) -> store.NewNotice:
    subject = rules.Subject(
        number=row.number,
        union_name=names.get(row.union_id, ""),
        channel=Channel(row.channel),
        outlet_name=row.outlet_name,
        members=row.members,
        counts=counts_of(row),
        submitted_on=shanghai_date(row.submitted_at),
    )
    return store.NewNotice(
        batch_number=row.number,
        union_id=row.union_id,
        kind=command.kind.value,
        occurrence=command.occurrence,
        title=rules.title(command.kind, row.number),
        text=rules.text(command.kind, subject, shanghai_date(tx.now)),
        escalated=command.kind in rules.ESCALATED,
    )


def _outcome(command: NotifyBatch, row: Any, told: dict[tuple[str, str, int], int]) -> Outcome:
    if row is None:
        return Refused("unknown-batch", "没有这个办卡批次")
    return Succeeded(
        NotifyBatchResult(
            recipients=told.get((command.batch_number, command.kind.value, command.occurrence), 0),
            counts=counts_of(row),
            called_on=row.called_on,
            closed=row.state in _OVER,
        )
    )
