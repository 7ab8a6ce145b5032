"""What a claim asks of this service: who was covered on its days, and what that is worth (domain 6)."""

from collections.abc import Sequence
from typing import Any

from insurance_svc.policies import store
from insurance_svc.policies.rules import last_day_to_file
from unioncard.contracts.cover import Benefit, CheckCover, CoverFound, PolicyCover
from unioncard.contracts.model import Contract
from unioncard.messaging.handling import CommandHandler, Message, Outcome, Succeeded
from unioncard.unit_of_work import Transaction


async def check_cover(tx: Transaction, messages: Sequence[Message[CheckCover]]) -> Sequence[Outcome]:
    """Policies that stand and touch the days, those still under review too: they may become cover."""
    questions = [store.Question(one.data.member_id, one.data.first_day, one.data.last_day) for one in messages]
    found = await store.covers(tx.conn, questions, [one.value for one in Benefit])
    return [Succeeded(CoverFound(policies=[_as_cover(row) for row in rows])) for rows in found]


def _as_cover(row: Any) -> PolicyCover:
    file_until = row.file_until or last_day_to_file(row.last_day)
    return PolicyCover.model_validate(dict(row._mapping) | {"file_until": file_until})


HANDLERS: dict[type[Contract], CommandHandler] = {CheckCover: check_cover}
