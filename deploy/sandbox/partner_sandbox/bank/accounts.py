"""Which accounts money cannot reach, and why. What nobody has said anything about is open, like accounts elsewhere."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

import orjson

from partner_sandbox.bank import life, life_store

ReturnCode = Literal["NUMBER_CHANGED", "ACCOUNT_CANCELLED", "NOT_ACTIVATED", "CARD_LOST", "OVER_LIMIT", "NAME_MISMATCH"]

REASONS: Mapping[str, str] = {
    **dict[str, str](life.RETURN_REASONS.items()),
    "OVER_LIMIT": "超过二类账户转入限额，且未注明限额豁免。",
    "NAME_MISMATCH": "收款人户名与账号不符，请核对后重新划款。",
}
# Those that nobody could foresee.
UNFORESEEN = ("NAME_MISMATCH", "ACCOUNT_CANCELLED")


def refusals(connection: sqlite3.Connection, numbers: Iterable[str], today: date) -> dict[str, str]:
    """The reason code of each account that money cannot reach on that day; the others are not named.

    Cards by what happened to them, and whatever account tests have named.
    """
    asked = sorted(set(numbers))
    rows = connection.execute(
        "SELECT number, reason_code FROM refused_accounts WHERE number IN (SELECT value FROM json_each(?))",
        [orjson.dumps(asked).decode()],
    )
    by_life: dict[str, str] = {**life_store.returned(connection, asked, today)}
    return by_life | {row["number"]: row["reason_code"] for row in rows}


def refuse(connection: sqlite3.Connection, accounts: Mapping[str, str | None]) -> int:
    """From now on money for these numbers comes back for this reason; None: it arrives again. How many were named."""
    connection.executemany("DELETE FROM refused_accounts WHERE number = ?", [(number,) for number in accounts])
    connection.executemany(
        "INSERT INTO refused_accounts (number, reason_code) VALUES (?, ?)",
        [(number, reason) for number, reason in accounts.items() if reason is not None],
    )
    return len(accounts)
