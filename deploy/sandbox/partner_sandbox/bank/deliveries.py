"""Into which callbacks the bank puts the answer to a batch. Pure: drawn from the seed and the batch number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from partner_sandbox.bank.models import CALLBACK_LIMIT
from partner_sandbox.behaviour import Behaviour, chance

PIECES = 4

Results = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What an answer is about: the field that names one of its subjects, and the result of one that never was."""

    ref: str
    stranger: Mapping[str, Any]


CARDS = Kind(
    "member_id",
    {
        "member_number": "0000000000",
        "status": "failed",
        "reason_code": "DOCUMENT_MISMATCH",
        "reason": "姓名与证件号码联网核查不一致，请核对后重新提交。",
    },
)
PAYOUTS = Kind("payout_number", {"status": "paid", "amount_fen": 100, "reason_code": None, "reason": None})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One callback to be made: its body, and how long after the outcomes are known."""

    answer_id: str
    batch_number: str
    kind: str
    members: int
    body: bytes
    after_ms: int


def plan(
    kind: Kind, behaviour: Behaviour, batch_number: str, answered_at: str, results: Results, stem: str | None = None
) -> list[Delivery]:
    """The callbacks of one batch, ``[]`` for a silent one; at most 1,000 results each.

    ``stem``: how their ids begin, where a batch is answered more than once.
    """
    callback, seed = behaviour.callback, behaviour.seed

    def happens(what: str, rate: float) -> bool:
        return chance(seed, what, batch_number) < rate

    if happens("silent", callback.silent_rate):
        return []
    told = (
        _half(kind, results, seed, batch_number, callback.half_share)
        if happens("half", callback.half_rate)
        else results
    )
    if happens("out-of-order", callback.out_of_order_rate):
        pieces, places = _shuffled(kind, told, seed, batch_number)
    else:
        pieces = _cut(told, CALLBACK_LIMIT)
        places = list(range(len(pieces)))

    deliveries: list[Delivery] = []
    for index, (piece, place) in enumerate(zip(pieces, places, strict=True)):
        answer_id = f"{stem or batch_number}-{index + 1}"
        body = encode(answer_id, batch_number, answered_at, complete=len(piece) == len(results), results=piece)
        after = callback.delay_ms + place * callback.spread_ms
        deliveries.append(Delivery(answer_id, batch_number, "answer", len(piece), body, after))
        if chance(seed, "duplicate", answer_id) < callback.duplicate_rate:
            again = after + callback.duplicate_gap_ms
            deliveries.append(Delivery(answer_id, batch_number, "duplicate", len(piece), body, again))
    if happens("unknown", callback.unknown_rate):
        deliveries.append(_unknown(kind, batch_number, answered_at, results[0], callback.delay_ms))
    return deliveries


def encode(answer_id: str, batch_number: str, answered_at: str, *, complete: bool, results: object) -> bytes:
    """An :class:`~partner_sandbox.bank.models.Answer` as JSON; ``results`` may be an ``orjson.Fragment``."""
    return orjson.dumps(
        {
            "answer_id": answer_id,
            "batch_number": batch_number,
            "answered_at": answered_at,
            "complete": complete,
            "results": results,
        }
    )


def _cut(results: Results, size: int) -> list[Results]:
    return [results[start : start + size] for start in range(0, len(results), size)]


def _shuffled(kind: Kind, results: Results, seed: str, batch_number: str) -> tuple[list[Results], list[int]]:
    """The results mixed and in several pieces, and the place in which each piece is sent."""
    mixed = sorted(results, key=lambda one: chance(seed, "mix", batch_number, one[kind.ref]))
    pieces = _cut(mixed, min(CALLBACK_LIMIT, -(-len(mixed) // PIECES) or 1))
    order = sorted(range(len(pieces)), key=lambda index: chance(seed, "place", batch_number, index))
    return pieces, [order.index(index) for index in range(len(pieces))]


def _half(kind: Kind, results: Results, seed: str, batch_number: str, share: float) -> Results:
    """The members of half an answer: someone is always left out, and of two or more someone is told."""
    told = [one for one in results if chance(seed, "left-out", batch_number, one[kind.ref]) >= share]
    if len(told) == len(results):
        return told[:-1]
    return told or list(results[: len(results) > 1])


def _unknown(kind: Kind, batch_number: str, answered_at: str, pattern: dict[str, Any], after_ms: int) -> Delivery:
    """An answer, well-formed and signed, for a batch number that never existed."""
    never = f"{batch_number}x"
    someone = {kind.ref: 0 if isinstance(pattern[kind.ref], int) else "0", **kind.stranger}
    body = encode(f"{never}-1", never, answered_at, complete=True, results=[someone])
    return Delivery(f"{never}-1", never, "unknown", 1, body, after_ms)
