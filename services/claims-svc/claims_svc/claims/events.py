"""What others are told of a claim, made from its row. Nothing medical is in it."""

from typing import Any

from unioncard.contracts.claims import AssessClaim, ClaimChanged, ClaimStanding, LapseClaim
from unioncard.unit_of_work import Transaction

_ASKED_FOR = frozenset(f"message:{command.TYPE}" for command in (AssessClaim, LapseClaim))


def changed(tx: Transaction, row: Any) -> None:
    """``claims.claim.changed.v1``"""
    event = ClaimChanged(
        claim_number=row.number,
        version=row.version,
        state=row.state,
        member_id=row.member_id,
        union_id=row.union_id,
        district_id=row.district_id,
        district_code=row.district_code,
        benefit=row.benefit,
        first_day=row.event_day,
        last_day=row.last_day,
        filed_at=row.filed_at,
        due_at=row.due_at,
        appeal_until=row.appeal_until,
        missing=row.missing,
        district_stamp=row.district_stamp,
        answered=tx.actor in _ASKED_FOR,
    )
    tx.publish(event, key=row.number, subject=row.number)


def standing(row: Any) -> ClaimStanding:
    """The same as an answer to a command."""
    return ClaimStanding(
        version=row.version,
        state=row.state,
        due_at=row.due_at,
        appeal_until=row.appeal_until,
        missing=row.missing,
        district_stamp=row.district_stamp,
    )
