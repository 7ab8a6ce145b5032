"""Whose claim is within reach of whom: one way for every endpoint under ``/claims/{number}``."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims import store
from claims_svc.service import scope
from unioncard.auth import Principal, Role
from unioncard.problems import not_found
from unioncard.unit_of_work import Transaction


async def reached(conn: AsyncConnection, principal: Principal, number: str) -> sa.Row[Any]:
    """A claim in the caller's tree, or the member's own, with names; 404 otherwise."""
    if principal.role is Role.MEMBER:
        row = await store.find_own(conn, principal.member_id or 0, number)
    else:
        row = await store.find(conn, await scope(conn, principal), number)
    if row is None:
        raise not_found("这个给付申请")
    return row


async def reached_locked(tx: Transaction, principal: Principal, number: str) -> sa.Row[Any]:
    """The same locked, without names, for whoever changes it."""
    await reached(tx.conn, principal, number)
    return (await store.locked(tx.conn, [number]))[number]


def log_read(tx: Transaction, principal: Principal, row: Any, what: str = "claim.read") -> None:
    """Reads of claims are logged: they hold what is medical."""
    tx.audit(what, f"claim:{row.number}", organisation_id=principal.organisation_id)
