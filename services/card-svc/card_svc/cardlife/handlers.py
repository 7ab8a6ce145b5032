"""What the bank tells of cards at night, and whether money can reach them."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta

from pydantic import ValidationError

from card_svc.bank.models import Filed
from card_svc.cardlife import payees, store
from card_svc.cardlife.models import LifePage
from card_svc.cardlife.rules import AccountClass, payable
from card_svc.personal import PersonalData
from card_svc.settings import CardSettings
from unioncard.contracts.payees import CheckPayees, Payee, PayeesChecked, PayeesTold
from unioncard.dates import shanghai_date
from unioncard.messaging.handling import CommandHandler, Message, Outcome, Succeeded
from unioncard.partner_client import PartnerClient
from unioncard.partners import PartnerDown
from unioncard.unit_of_work import Transaction, UnitOfWork

# What the bank told of a number before the number itself had come is told again for so long.
LOOK_BACK_DAYS = 30


async def fetch_lives(
    settings: CardSettings, personal: PersonalData, client: PartnerClient, work: UnitOfWork, day: date
) -> Filed:
    """Page through the life file since the last one that was taken over, the first time from the very beginning.

    Each page is a transaction of its own. Raises PartnerDown.
    """
    async with work.engine.connect() as conn:
        last = await store.last_file(conn)
    params = {"date": day.isoformat()}
    if last is not None:
        params["since"] = (min(last, day) - timedelta(days=LOOK_BACK_DAYS)).isoformat()
    total = Filed(results=0, news=0, repeats=0, set_aside=0)
    while True:
        page = await _page(client, f"{settings.bank}/lives", params)
        async with work.begin("partner:bank") as tx:
            filed = await store.file_lives(tx, personal, f"file-{day}", page.lives)
            if page.next_cursor is None:
                # Of a day that is yet to come, only what has happened by now was in it.
                await store.note_file(tx, min(day, shanghai_date(tx.now)))
        total = Filed(
            results=total.results + filed.results,
            news=total.news + filed.news,
            repeats=total.repeats + filed.repeats,
            set_aside=total.set_aside + filed.set_aside,
        )
        if page.next_cursor is None:
            return total
        params["cursor"] = page.next_cursor


async def _page(client: PartnerClient, url: str, params: dict[str, str]) -> LifePage:
    response = await client.get(url, params)
    if not response.is_success:
        raise PartnerDown(f"HTTP {response.status_code}")
    try:
        return LifePage.model_validate_json(response.content)
    except ValidationError:
        raise PartnerDown("a life file that cannot be read") from None


def check_payees(personal: PersonalData) -> CommandHandler:
    """The handler of ``card.payees.check.v1``: one look at the cards for all messages, one event for each."""

    async def check(tx: Transaction, messages: Sequence[Message[CheckPayees]]) -> Sequence[Outcome]:
        wanted = sorted({member for message in messages for member in message.data.member_ids})
        found = await payees.cards_of(tx.conn, wanted)
        return [await _tell(tx, personal, message, found) for message in messages]

    return check


async def _tell(
    tx: Transaction, personal: PersonalData, message: Message[CheckPayees], found: dict[int, payees.PayeeCard]
) -> Outcome:
    asked, on = list(dict.fromkeys(message.data.member_ids)), message.data.on
    reasons = {member: payable(found[member].card, on) for member in asked}
    numbers = {member: number for member in asked if reasons[member] is None and (number := found[member].number)}
    # A thousand numbers take some 60 ms to open and seal: aside, so that everything else goes on.
    header, sealed = await asyncio.to_thread(personal.sealed_cards, numbers)
    told = [
        Payee(
            member_id=member,
            reason=reasons[member],
            card_number=sealed.get(member),
            number_end=found[member].number_end if member in sealed else None,
            limits_exempt=member in sealed and _class_two(found[member]),
        )
        for member in asked
    ]
    event = PayeesTold(
        batch_number=message.data.batch_number, chunk=message.data.chunk, on=on, seal=header, payees=told
    )
    number = message.data.batch_number
    tx.publish(event, key=number, subject=number, traceparent=message.traceparent)
    return Succeeded(PayeesChecked(payable=len(sealed), unpayable=len(asked) - len(sealed)))


def _class_two(one: payees.PayeeCard) -> bool:
    return one.card is not None and one.card.account_class is AccountClass.TWO
