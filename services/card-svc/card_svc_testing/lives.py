"""The bank's word on the life of cards, as tests say it."""

from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from card_svc.bank.models import Answer
from card_svc.bank.store import file_answers
from card_svc_testing import Trial, answer, card_number, issued
from unioncard import signatures

NEW = "6299990000000099999"
"""A number that no member has yet."""


def life(numbers: int | list[str], sequence: int = 1, **changed: Any) -> dict[str, Any]:
    """An account as the bank tells of it: open, class II, not activated, at this member's first number."""
    said = {
        "numbers": [card_number(numbers)] if isinstance(numbers, int) else numbers,
        "sequence": sequence,
        "changed_at": "2024-05-10T10:00:00+08:00",
        "opened_on": "2024-04-30",
        "state": "open",
        "account_class": 2,
        "activated_on": None,
        "lost_at": None,
        "numbers_kept": 0,
    }
    return said | changed


def activated(numbers: int | list[str], sequence: int = 1, **changed: Any) -> dict[str, Any]:
    """Activated on 10 May 2024, now class I."""
    return life(numbers, sequence, activated_on="2024-05-10", account_class=1, **changed)


async def post(trial: Trial, body: dict[str, Any], *, secret: str | None = None) -> httpx.Response:
    """Deliver a notice as the bank does."""
    content = orjson.dumps(body)
    secret = secret or trial.context.keys.partner_secret("bank")
    headers = {signatures.HEADER: signatures.sign(secret, content, datetime.now(UTC))}
    return await trial.client.post("/partners/bank/card-lives", content=content, headers=headers)


async def tell(trial: Trial, *lives: dict[str, Any]) -> tuple[int, int, int]:
    """(news, repeats, set aside)"""
    response = await post(trial, {"notice_id": "n", "lives": list(lives)})
    assert response.status_code == 200, response.text
    filed = response.json()
    assert filed["results"] == len(lives)
    return filed["news"], filed["repeats"], filed["set_aside"]


async def with_cards(trial: Trial, count: int = 1) -> str:
    """Members 1 to ``count`` have cards made on 30 April 2024; the number of their batch."""
    number = await trial.submitted(count)
    await file(trial, answer(number, [issued(one) for one in range(1, count + 1)]))
    await trial.run("DELETE FROM outbox")
    return number


async def file(trial: Trial, said: dict[str, Any]) -> None:
    """File an answer of which every result is news."""
    async with trial.context.work.begin("partner:bank") as tx:
        filed = await file_answers(tx, trial.personal, [Answer.model_validate(said)])
    assert (filed.news, filed.set_aside) == (len(said["results"]), 0)
