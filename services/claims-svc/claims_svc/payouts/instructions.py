"""What the bank is told to pay: a batch as it was fixed, opened for the wire."""

from collections.abc import Sequence
from typing import Any

from claims_svc.accounts import store as accounts
from claims_svc.claims.rules import PayeeKind
from claims_svc.payouts.rules import PayoutState
from claims_svc.personal import PersonalData

PURPOSE = "会员专享基本保障给付"


def instructions(personal: PersonalData, batch: Any, rows: Sequence[Any]) -> dict[str, Any]:
    """The body of ``POST /payouts``, the same however often it is made. Opens every number, so run it in a thread."""
    going = [row for row in rows if row.state != PayoutState.LEFT_OUT]
    return {
        "batch_number": batch.number,
        "count": len(going),
        "total_fen": sum(row.amount_fen for row in going),
        "payouts": [_payout(personal, row) for row in going],
    }


def _payout(personal: PersonalData, row: Any) -> dict[str, Any]:
    holder, number = _opened(personal, row)
    return {
        "payout_number": row.number,
        "kind": "card" if row.payee == PayeeKind.OWN_CARD else "account",
        "account_number": number,
        "holder_name": holder,
        "amount_fen": row.amount_fen,
        "limits_exempt": row.limits_exempt,
        "purpose": PURPOSE,
    }


def _opened(personal: PersonalData, row: Any) -> tuple[str, str]:
    """Holder and account number; each is bound to the member, unit account or heir it was copied from."""
    match row.payee:
        case PayeeKind.OWN_CARD:
            number = personal.decrypt("card_number", row.member_id, row.account_number)
            return personal.name(row.member_id, row.holder_name), number
        case PayeeKind.UNIT_ACCOUNT:
            bound = accounts.subject(row.account_id)
            holder = personal.decrypt(accounts.HOLDER, bound, row.holder_name)
            return holder, personal.decrypt(accounts.NUMBER, bound, row.account_number)
        case _:
            holder = personal.decrypt("heir_name", row.claim_number, row.holder_name)
            return holder, personal.decrypt("heir_account_number", row.claim_number, row.account_number)
