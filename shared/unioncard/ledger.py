"""What every service's ledger has in common: debits and credits by account, and whose books somebody sees."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from unioncard.principal import Principal, Role


async def balances(
    conn: AsyncConnection, ledger: sa.Table, where: Sequence[sa.ColumnElement[bool]]
) -> Sequence[sa.Row[Any]]:
    """``account``, ``debit_fen`` and ``credit_fen`` of each account with entries, of the rows that ``where`` leaves.

    The table's ``amount_fen`` is positive for a debit, negative for a credit; both sums are positive.
    """
    account, amount = ledger.c.account, ledger.c.amount_fen
    query: sa.Select[Any] = (
        sa.select(
            account,
            sa.func.coalesce(sa.func.sum(amount).filter(amount > 0), 0).label("debit_fen"),
            sa.func.coalesce(-sa.func.sum(amount).filter(amount < 0), 0).label("credit_fen"),
        )
        .where(*where)
        .group_by(account)
    )
    rows: Sequence[sa.Row[Any]] = (await conn.execute(query)).all()
    return rows


def district_seen(principal: Principal, asked: int | None) -> int | None:
    """Districts see their own accounts, whatever they ask for."""
    return principal.organisation_id if principal.role is Role.DISTRICT else asked
