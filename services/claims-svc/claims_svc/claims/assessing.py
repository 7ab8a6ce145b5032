"""A claim is assessed by what insurance-svc found: refused by the rules at once, or moved on (domain 6)."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

import sqlalchemy as sa

from claims_svc.claims import decision, progress, store
from claims_svc.claims.rules import (
    PAID_BEFORE,
    Assessment,
    Catalogues,
    ClaimEvent,
    Facts,
    HospitalPlace,
    accident_name,
    assess,
    event_name,
)
from claims_svc.papers import store as papers
from claims_svc.personal import PersonalData
from claims_svc.settings import ClaimsSettings
from unioncard.contracts.claims import ClaimState
from unioncard.contracts.cover import Benefit, CoverFound
from unioncard.dates import shanghai_date
from unioncard.unit_of_work import Transaction

ILLNESS, HOSPITAL = "illness_code", "hospital"
"""Encrypted fields of a claim; their subject is its number."""

WAITS_FOR_COVER = frozenset({ClaimState.FILED, ClaimState.PROVISIONAL})


def facts_of(row: Any, personal: PersonalData) -> Facts:
    """What a claim says, opened for the rules. The receipt of the request judges whether it came in time."""
    code = personal.decrypt(ILLNESS, row.number, row.illness_code) if row.illness_code else None
    return Facts(
        benefit=Benefit(row.benefit),
        event=ClaimEvent(row.event),
        first_day=row.event_day,
        last_day=row.last_day,
        filed_on=shanghai_date(row.filed_at),
        illness_code=code,
        first_diagnosis=row.first_diagnosis,
        in_patient=row.in_patient,
        place=HospitalPlace(row.hospital_place) if row.hospital_place else None,
        level=row.hospital_level,
    )


async def take_cover(
    tx: Transaction,
    settings: ClaimsSettings,
    personal: PersonalData,
    row: Any,
    cover: CoverFound,
    catalogues: Catalogues,
) -> sa.Row[Any]:
    """Assess a locked claim that waits for its cover; any other stays as it is. Its row then.

    For a stay the caller holds the member (:func:`claims_svc.claims.store.hold_member`).
    """
    if row.state not in WAITS_FOR_COVER:
        same: sa.Row[Any] = row
        return same
    facts = facts_of(row, personal)
    taken: AbstractSet[date] = frozenset()
    used: Mapping[int, int] = {}
    if facts.event is ClaimEvent.STAY:
        taken, used = await store.other_days(tx.conn, row, [one.policy_id for one in cover.policies])
    found = assess(facts, cover.policies, catalogues, taken=taken, used=used)
    refused = list(found.refused)
    if not row.standing and await _claimed_elsewhere(tx, row, facts, personal):
        refused.append(PAID_BEFORE)
    await store.put_parts(tx.conn, row, found.parts, standing=not refused)
    values = _columns(tx, found)
    if refused:
        changed = await decision.refuse(
            tx,
            row,
            WAITS_FOR_COVER,
            by=decision.BY_RULE,
            appeal_days=settings.appeal_days,
            reasons=refused,
            **values,
        )
        assert changed is not None  # locked
        return changed
    values["reasons"] = [one.row() for one in found.reduced]
    return await progress.move_on(tx, settings, row, await papers.brought(tx.conn, row.number), **values)


async def _claimed_elsewhere(tx: Transaction, row: Any, facts: Facts, personal: PersonalData) -> bool:
    """Whether the claim that stood for the same event when this one was filed, or another, still stands."""
    event = event_name(facts.event, facts.first_day, facts.illness_code)
    accident = accident_name(facts.benefit, facts.first_day)
    hashes = personal.event_hashes(event) if event else ()
    accidents = personal.event_hashes(accident) if accident else ()
    return await store.standing_for(tx.conn, row.member_id, hashes, accidents) is not None


def _columns(tx: Transaction, found: Assessment) -> dict[str, Any]:
    first = found.parts[0].policy if found.parts else None
    cover: Mapping[str, Any] = {
        "policy_id": first.policy_id if first else None,
        "coverage_year": first.coverage_year if first else None,
        "class_code": first.class_code if first else None,
        "file_until": first.file_until if first else None,
        "cover_state": found.cover_state if first else None,
    }
    return {**cover, "cover_checked_at": tx.now, "claimed_fen": found.claimed_fen, "listed": found.listed}
