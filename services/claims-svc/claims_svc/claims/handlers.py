"""What the claim's workflow asks: assess, tell people, let lapse or close."""

from collections.abc import Mapping, Sequence

from claims_svc.claims import events, notices, store
from claims_svc.claims.assessing import WAITS_FOR_COVER, take_cover
from claims_svc.claims.rules import ClaimEvent
from claims_svc.illnesses import store as illnesses
from claims_svc.personal import PersonalData
from claims_svc.settings import ClaimsSettings
from unioncard.contracts.claims import AssessClaim, ClaimState, LapseClaim, NotifyClaim
from unioncard.contracts.model import Contract
from unioncard.messaging.handling import CommandHandler, Message, Outcome, Refused, Succeeded
from unioncard.unit_of_work import Transaction

UNKNOWN = Refused("unknown-claim", "没有这个给付申请")

_ASKED_FOR = (ClaimState.INCOMPLETE, ClaimState.STAMPING)
_APPEALABLE = (ClaimState.PAID, ClaimState.REFUSED)


def handlers_of(settings: ClaimsSettings, personal: PersonalData) -> Mapping[type[Contract], CommandHandler]:
    """The handlers of this room's commands."""

    async def assess(tx: Transaction, messages: Sequence[Message[AssessClaim]]) -> Sequence[Outcome]:
        """Claims one by one, in the order of their numbers, so that two sets of commands never wait for each other."""
        rows = await store.locked(tx.conn, [message.data.claim_number for message in messages])
        waiting = [m.data for m in messages if (r := rows.get(m.data.claim_number)) and r.state in WAITS_FOR_COVER]
        terms = {(one.coverage_year, one.class_code) for data in waiting for one in data.cover.policies}
        catalogues = await illnesses.catalogues(tx.conn, sorted(terms))
        # In one order too: a stay counts its days alone, and a delivery may hold stays of many members.
        stays = {row.member_id for row in rows.values() if row.event == ClaimEvent.STAY}
        for member_id in sorted(stays):
            await store.hold_member(tx.conn, member_id)
        for message in sorted(messages, key=lambda one: one.data.claim_number):
            number = message.data.claim_number
            if number in rows:
                cover = message.data.cover
                rows[number] = await take_cover(tx, settings, personal, rows[number], cover, catalogues)
        return [_standing(rows, message.data.claim_number) for message in messages]

    return {AssessClaim: assess, NotifyClaim: notify, LapseClaim: lapse}


async def notify(tx: Transaction, messages: Sequence[Message[NotifyClaim]]) -> Sequence[Outcome]:
    """Tell the people concerned; a notice that the claim's state has overtaken tells nobody."""
    rows = await store.by_numbers(tx.conn, [message.data.claim_number for message in messages])
    asked = [message.data for message in messages if message.data.claim_number in rows]
    centre = await store.federation_ids(tx.conn)
    await notices.tell_all(tx, [(rows[one.claim_number], one.kind, one.occurrence) for one in asked], centre)
    return [_standing(rows, message.data.claim_number) for message in messages]


async def lapse(tx: Transaction, messages: Sequence[Message[LapseClaim]]) -> Sequence[Outcome]:
    """Let those lapse whose last day for papers is over, close those that nobody can appeal against any more."""
    rows = await store.locked(tx.conn, [message.data.claim_number for message in messages])
    for number, row in sorted(rows.items()):
        changed = None
        if row.state in _ASKED_FOR and row.due_at is not None and tx.now >= row.due_at:
            changed = await store.change(tx, number, _ASKED_FOR, ClaimState.LAPSED)
        elif row.state in _APPEALABLE and row.appeal_until is not None and tx.now >= row.appeal_until:
            changed = await store.change(tx, number, _APPEALABLE, ClaimState.CLOSED)
        rows[number] = changed or row
    return [_standing(rows, message.data.claim_number) for message in messages]


def _standing(rows: Mapping[str, object], number: str) -> Outcome:
    row = rows.get(number)
    return UNKNOWN if row is None else Succeeded(events.standing(row))
