"""All SQL of unit accounts."""

from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from claims_svc.accounts.tables import UNIT_ACCOUNTS
from claims_svc.metadata import ORGANISATIONS
from claims_svc.personal import PersonalData
from unioncard.auth import Scope
from unioncard.narrowing import conditions
from unioncard.unit_of_work import Transaction

HOLDER, NUMBER = "holder_name", "account_number"
"""The encrypted fields; their subject is :func:`subject`."""

# What is encrypted is bound to the account's id, so the id comes first.
_NEXT = sa.text("SELECT nextval(pg_get_serial_sequence('unit_accounts', 'id'))")

_ENTER = sa.text("""
    INSERT INTO unit_accounts (id, district_id, holder_name, account_number, account_hash, account_end, bank, reason,
        entered_by, entered_at)
    VALUES (:id, :district, :holder, :number, :hash, :end, :bank, :reason, :by, :now)
    ON CONFLICT (district_id, account_hash) WHERE state IN ('waiting', 'approved') DO NOTHING
    RETURNING id
""")

_DECIDE = sa.text("""
    UPDATE unit_accounts SET state = :state, decided_by = :by, decided_at = :now
    WHERE id = :id AND state = 'waiting' AND entered_by <> :by RETURNING *
""")

_CLOSE = sa.text("""
    UPDATE unit_accounts SET state = 'closed', closed_by = :by, closed_at = :now, close_reason = :reason
    WHERE id = :id AND state IN ('waiting', 'approved') RETURNING *
""")


def subject(account_id: int) -> str:
    """What an account's encrypted fields are bound to."""
    return f"unit-account/{account_id}"


async def enter(
    tx: Transaction, personal: PersonalData, district_id: int, facts: dict[str, str], by: int
) -> int | None:
    """An account that waits for a second pair of eyes; None if the district has it already."""
    account_id = int((await tx.conn.execute(_NEXT)).scalar_one())
    number = facts["account_number"]
    values = {
        "id": account_id,
        "district": district_id,
        "holder": personal.encrypt(HOLDER, subject(account_id), facts["holder_name"]),
        "number": personal.encrypt(NUMBER, subject(account_id), number),
        "hash": personal.account_hash(number),
        "end": number[-4:],
        "bank": facts["bank"],
        "reason": facts["reason"],
        "by": by,
        "now": tx.now,
    }
    made: int | None = await tx.conn.scalar(_ENTER, values)
    return made


async def decide(
    tx: Transaction, account_id: int, state: Literal["approved", "refused"], by: int
) -> sa.Row[Any] | None:
    """Decide what another account entered; its row, None unless it waits for somebody else."""
    values = {"id": account_id, "state": state, "by": by, "now": tx.now}
    row: sa.Row[Any] | None = (await tx.conn.execute(_DECIDE, values)).one_or_none()
    return row


async def close(tx: Transaction, account_id: int, reason: str, by: int) -> sa.Row[Any] | None:
    """No more payouts to it; its row, None unless it waits or is approved."""
    values = {"id": account_id, "reason": reason, "by": by, "now": tx.now}
    row: sa.Row[Any] | None = (await tx.conn.execute(_CLOSE, values)).one_or_none()
    return row


async def find(conn: AsyncConnection, scope: Scope, account_id: int) -> sa.Row[Any] | None:
    """An account of a district in the caller's scope, with the district's name."""
    query = _joined().where(scope.covers(ORGANISATIONS.c.path), UNIT_ACCOUNTS.c.id == account_id)
    row: sa.Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def by_id(conn: AsyncConnection, account_id: int) -> sa.Row[Any]:
    """An account that is known to be, encrypted."""
    row: sa.Row[Any] = (await conn.execute(sa.select(UNIT_ACCOUNTS).where(UNIT_ACCOUNTS.c.id == account_id))).one()
    return row


async def usable(conn: AsyncConnection, account_id: int, district_id: int) -> bool:
    """Whether the district has named this account, and a second pair of eyes has seen it."""
    columns = UNIT_ACCOUNTS.c
    found = sa.exists().where(columns.id == account_id, columns.district_id == district_id, columns.state == "approved")
    return bool(await conn.scalar(sa.select(found)))


async def page(
    conn: AsyncConnection,
    district_ids: Sequence[int] | None,
    scope: Scope,
    state: str | None,
    before_id: int | None,
    limit: int,
) -> Sequence[sa.Row[Any]]:
    """Accounts of these districts, else of those in the caller's scope; the newest first."""
    columns = UNIT_ACCOUNTS.c
    seen = columns.district_id.in_(district_ids) if district_ids is not None else scope.covers(ORGANISATIONS.c.path)
    query = _joined().where(
        seen,
        *conditions(
            (state, lambda value: columns.state == value),
            (before_id, lambda value: columns.id < value),
        ),
    )
    rows: Sequence[sa.Row[Any]] = (await conn.execute(query.order_by(columns.id.desc()).limit(limit))).all()
    return rows


def _joined() -> sa.Select[Any]:
    joined = sa.join(UNIT_ACCOUNTS, ORGANISATIONS, ORGANISATIONS.c.id == UNIT_ACCOUNTS.c.district_id)
    return sa.select(UNIT_ACCOUNTS, ORGANISATIONS.c.name.label("district_name")).select_from(joined)
