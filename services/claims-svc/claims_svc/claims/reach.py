"""Whose claim is within reach of whom: one way for every endpoint under ``/claims/{number}``."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.claims import store
from unioncard.auth import Principal
from unioncard.problems import not_found
from unioncard.unit_of_work import Transaction


async def reached(conn: AsyncConnection, principal: Principal, number: str) -> sa.Row[Any]:
    """A claim in the caller's tree, or the member's own, with names; 404 otherwise."""
    return _found(await store.find(conn, principal, number))


async def reached_bare(conn: AsyncConnection, principal: Principal, number: str) -> sa.Row[Any]:
    """The same without names."""
    return _found(await store.find_bare(conn, principal, number))


async def reached_locked(tx: Transaction, principal: Principal, number: str) -> sa.Row[Any]:
    """The same locked, for whoever changes it."""
    return _found(await store.find_bare(tx.conn, principal, number, lock=True))


def log_read(tx: Transaction, principal: Principal, row: Any, what: str = "claim.read") -> None:
    """Reads of claims are logged: they hold what is medical."""
    tx.audit(what, f"claim:{row.number}", organisation_id=principal.organisation_id)


def _found(row: sa.Row[Any] | None) -> sa.Row[Any]:
    if row is None:
        raise not_found("这个给付申请")
    return row
