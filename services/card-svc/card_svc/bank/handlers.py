"""The command that takes over the bank's nightly state, the safety net under lost callbacks (domain 4.5)."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from card_svc.bank import store
from card_svc.bank.models import StatePage
from card_svc.cardlife.handlers import fetch_lives
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.contracts.cards import FetchBankState, FetchBankStateResult
from unioncard.dates import shanghai_date
from unioncard.messaging.handling import Message, Outcome, Pending, Succeeded
from unioncard.partner_client import PartnerClient
from unioncard.partners import Call, NewCall, Operation, PartnerDown, record_calls
from unioncard.unit_of_work import Transaction, UnitOfWork

PARTNER = "bank"
# A whole season's file takes minutes; every page is filed as it comes, so a retry finds most of it done.
FETCH_TIMEOUT_S = 600.0


async def fetch_states(tx: Transaction, messages: Sequence[Message[FetchBankState]]) -> Sequence[Outcome]:
    """Note one call a day."""
    calls = [
        NewCall(PARTNER, "state", {"day": m.data.day.isoformat()}, m.key, FetchBankState.TYPE, m.traceparent)
        for m in messages
    ]
    await record_calls(tx, calls)
    return [Pending()] * len(messages)


def fetch_operation(
    settings: CardSettings, personal: PersonalData, client: PartnerClient, work: UnitOfWork
) -> Operation:
    """Page through the state file from the oldest batch that waits, then through the life file.

    Each page is a transaction of its own.
    """

    async def ask(engine: AsyncEngine, call: Call) -> FetchBankStateResult:
        day = call.request["day"]
        async with engine.connect() as conn:
            oldest = await store.oldest_waiting(conn)
        # Without anybody waiting, yesterday and today are looked through for what nobody expects.
        since = shanghai_date(oldest) if oldest else shanghai_date(work.clock.now()) - timedelta(days=1)
        params = {"date": day, "since": since.isoformat()}
        totals = {"batches": 0, "results": 0, "news": 0, "set_aside": 0}
        while True:
            page = await _page(client, f"{settings.bank}/state", params)
            async with work.begin("partner:bank") as tx:
                filed = await store.file_answers(tx, personal, page.batches)
            totals["batches"] += len(page.batches)
            for name in ("results", "news", "set_aside"):
                totals[name] += getattr(filed, name)
            if page.next_cursor is None:
                break
            params["cursor"] = page.next_cursor
        # After the numbers, so that what happened to a new card since finds it.
        lives = await fetch_lives(settings, personal, client, work, date.fromisoformat(day))
        return FetchBankStateResult(
            **totals, lives=lives.results, life_news=lives.news, lives_set_aside=lives.set_aside
        )

    async def record(tx: Transaction, call: Call, answer: Any) -> Outcome:
        tx.audit("bank.state-fetched", f"bank-state:{call.request['day']}", after=answer.model_dump())
        return Succeeded(answer)

    return Operation(ask, record, timeout_s=FETCH_TIMEOUT_S)


async def _page(client: PartnerClient, url: str, params: dict[str, str]) -> StatePage:
    response = await client.get(url, params)
    if not response.is_success:
        raise PartnerDown(f"HTTP {response.status_code}")
    try:
        return StatePage.model_validate_json(response.content)
    except ValidationError:
        raise PartnerDown("a state file that cannot be read") from None
