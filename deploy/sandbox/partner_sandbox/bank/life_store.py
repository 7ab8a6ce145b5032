"""The accounts behind cards. All functions run in the store's threads."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import uuid4

import orjson

from partner_sandbox.bank import life, rules
from partner_sandbox.bank.life import Account, NotPossible, Return, Wish
from partner_sandbox.bank.life_models import LIFE_LIMIT, CounterAct
from partner_sandbox.behaviour import Behaviour, chance
from partner_sandbox.problems import Refused

# The largest number that SQLite holds, and so the largest card number there can be.
LARGEST = 2**63 - 1

_ACCOUNTS = """
SELECT asked.card_number AS asked, a.*
FROM card_account_numbers asked JOIN card_accounts a ON a.id = asked.account_id
WHERE asked.card_number IN (SELECT value FROM json_each(?))
"""

_CARDS = """
SELECT c.card_number, b.answered_on FROM cards c JOIN batches b ON b.batch_number = c.batch_number
WHERE c.card_number IN (SELECT value FROM json_each(?))
  AND c.card_number NOT IN (SELECT card_number FROM card_account_numbers)
"""

_SAVE = """
INSERT INTO card_accounts (id, card_number, opened_on, state, account_class, activated_on, lost_at, numbers_kept,
    sequence, changed_at, changed_on) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET card_number = excluded.card_number, state = excluded.state,
    account_class = excluded.account_class, activated_on = excluded.activated_on, lost_at = excluded.lost_at,
    numbers_kept = excluded.numbers_kept, sequence = excluded.sequence, changed_at = excluded.changed_at,
    changed_on = excluded.changed_on
RETURNING id
"""


def returned(connection: sqlite3.Connection, numbers: Iterable[str], day: date) -> dict[str, Return]:
    """Why money for each of these numbers would come back on that day; not those at which it arrives.

    A number that no card of this bank ever had is somebody else's, and none of this file's business.
    """
    found = {number: life.returned(one, str(int(number)), day) for number, one in _known(connection, numbers).items()}
    return {number: why for number, why in found.items() if why is not None}


def class_two(connection: sqlite3.Connection, numbers: Iterable[str]) -> set[str]:
    """Those of these numbers behind which there is a class II account, with its limits."""
    return {number for number, one in _known(connection, numbers).items() if one.account_class == 2}


def _known(connection: sqlite3.Connection, numbers: Iterable[str]) -> dict[str, Account]:
    """The accounts of this bank behind these numbers, without the numbers that they had before."""
    asked = {int(number): number for number in numbers if number.isdecimal() and int(number) <= LARGEST}
    listed = orjson.dumps(list(asked)).decode()
    accounts = {
        asked[row["asked"]]: _account(row, (str(row["card_number"]),))
        for row in connection.execute(_ACCOUNTS, [listed])
    }
    for row in connection.execute(_CARDS, [listed]):
        accounts[asked[row["card_number"]]] = _untouched(row["card_number"], row["answered_on"])
    return accounts


def perform(
    connection: sqlite3.Connection, acts: Sequence[CounterAct], moment: datetime, behaviour: Behaviour, wall: float
) -> list[dict[str, Any]]:
    """Do what customers want and line up the callbacks; the accounts as they stand then, each once."""
    changed: dict[int, Account] = {}
    for act in acts:
        for number in _numbers_of(connection, act):
            id_, account = _found(connection, number, act.opened_on)
            new_number = None
            if act.act == "replace" and not act.keep_number:
                new_number = _unused_number(connection, account)
            wish = Wish(act.act, act.account_class, new_number)
            try:
                after = life.after(account, wish, moment)
            except NotPossible as reason:
                raise Refused(409, "not-possible", str(reason)) from None
            changed[_save(connection, id_, after, moment)] = after
    lives = [_told(account, moment.isoformat()) for account in changed.values()]
    for start in range(0, len(lives), LIFE_LIMIT):
        _line_up(connection, lives[start : start + LIFE_LIMIT], behaviour, wall)
    return lives


def page(
    connection: sqlite3.Connection, until: str, since: str, cursor: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Accounts changed between two Shanghai days, both included, as they stand; and the cursor of the next page."""
    rows = connection.execute(
        "SELECT a.*, (SELECT json_group_array(CAST(card_number AS TEXT)) FROM (SELECT card_number"
        " FROM card_account_numbers WHERE account_id = a.id ORDER BY place)) AS numbers"
        " FROM card_accounts a WHERE a.id > ? AND a.changed_on <= ? AND a.changed_on >= ? ORDER BY a.id LIMIT ?",
        [cursor, until, since, limit + 1],
    ).fetchall()
    lives = [_told(_account(row, tuple(orjson.loads(row["numbers"]))), row["changed_at"]) for row in rows[:limit]]
    return lives, rows[limit - 1]["id"] if len(rows) > limit else None


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Accounts to which something happened, by state."""
    rows = connection.execute("SELECT state, count(*) AS number FROM card_accounts GROUP BY state ORDER BY state")
    return {row["state"]: row["number"] for row in rows}


def _numbers_of(connection: sqlite3.Connection, act: CounterAct) -> list[str]:
    if act.card_number is not None:
        return [act.card_number]
    made = "SELECT c.card_number FROM cards c JOIN batches b ON b.batch_number = c.batch_number"
    if act.batch_number is not None:
        rows = connection.execute(f"{made} WHERE c.batch_number = ?", [act.batch_number]).fetchall()
    else:
        newest = f"{made} WHERE c.member_id = ? ORDER BY b.answer_seq DESC LIMIT 1"
        rows = connection.execute(newest, [str(act.member_id)]).fetchall()
    if not rows:
        raise Refused(404, "unknown-card", "本行没有为其制过卡")
    return [str(row["card_number"]) for row in rows]


def _found(connection: sqlite3.Connection, number: str, opened_on: date | None) -> tuple[int | None, Account]:
    """The account that has or had this number, and its id if something happened to it before."""
    if int(number) > LARGEST:
        raise Refused(404, "unknown-card", "本行没有这张卡")
    listed = orjson.dumps([int(number)]).decode()
    if row := connection.execute(_ACCOUNTS, [listed]).fetchone():
        numbers = connection.execute(
            "SELECT card_number FROM card_account_numbers WHERE account_id = ? ORDER BY place", [row["id"]]
        )
        return row["id"], _account(row, tuple(str(one["card_number"]) for one in numbers))
    if row := connection.execute(_CARDS, [listed]).fetchone():
        return None, _untouched(row["card_number"], row["answered_on"])
    if opened_on is None:
        raise Refused(404, "unknown-card", "本行没有这张卡")
    return None, Account((number,), opened_on)


def _save(connection: sqlite3.Connection, id_: int | None, account: Account, moment: datetime) -> int:
    saved: int = connection.execute(
        _SAVE,
        [
            id_,
            int(account.numbers[-1]),
            account.opened_on.isoformat(),
            account.state,
            account.account_class,
            account.activated_on.isoformat() if account.activated_on else None,
            account.lost_at.isoformat() if account.lost_at else None,
            account.numbers_kept,
            account.sequence,
            moment.isoformat(),
            moment.date().isoformat(),
        ],
    ).fetchone()["id"]
    connection.executemany(
        "INSERT INTO card_account_numbers (card_number, account_id, place) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(int(number), saved, place) for place, number in enumerate(account.numbers)],
    )
    return saved


def _unused_number(connection: sqlite3.Connection, account: Account) -> str:
    turn = 0
    while True:
        number = rules.card_number(account.numbers[0], f"replacement-{len(account.numbers)}", turn)
        taken = connection.execute(
            "SELECT 1 FROM cards WHERE card_number = :number"
            " UNION ALL SELECT 1 FROM card_account_numbers WHERE card_number = :number",
            {"number": int(number)},
        ).fetchone()
        if taken is None:
            return number
        turn += 1


def _line_up(
    connection: sqlite3.Connection, lives: Sequence[Mapping[str, Any]], behaviour: Behaviour, wall: float
) -> None:
    """One callback to card-svc about these accounts, with what is set to go wrong with callbacks."""
    callback, seed = behaviour.callback, behaviour.seed
    subject = (lives[0]["numbers"][-1], lives[0]["sequence"])
    if chance(seed, "life-silent", *subject) < callback.silent_rate:
        return
    after_ms = callback.delay_ms
    if chance(seed, "life-out-of-order", *subject) < callback.out_of_order_rate:
        # Late enough for what happens next to overtake it.
        after_ms += 10 * callback.spread_ms
    notice = f"life-{uuid4().hex}"
    body = orjson.dumps({"notice_id": notice, "lives": lives})
    planned: list[tuple[Literal["answer", "duplicate"], int]] = [("answer", after_ms)]
    if chance(seed, "life-duplicate", *subject) < callback.duplicate_rate:
        planned.append(("duplicate", after_ms + callback.duplicate_gap_ms))
    connection.executemany(
        "INSERT INTO callbacks (target, answer_id, batch_number, kind, members, body, due_at)"
        " VALUES ('lives', ?, '', ?, ?, ?, ?)",
        [(notice, kind, len(lives), body, wall + late / 1000) for kind, late in planned],
    )


def _account(row: sqlite3.Row, numbers: tuple[str, ...]) -> Account:
    return Account(
        numbers,
        date.fromisoformat(row["opened_on"]),
        row["state"],
        row["account_class"],
        date.fromisoformat(row["activated_on"]) if row["activated_on"] else None,
        datetime.fromisoformat(row["lost_at"]) if row["lost_at"] else None,
        row["numbers_kept"],
        row["sequence"],
    )


def _untouched(number: int, opened_on: str) -> Account:
    return Account((str(number),), date.fromisoformat(opened_on))


def _told(account: Account, changed_at: str) -> dict[str, Any]:
    """A :class:`~partner_sandbox.bank.life_models.Life`, ready to be encoded."""
    return {
        "numbers": list(account.numbers),
        "sequence": account.sequence,
        "changed_at": changed_at,
        "opened_on": account.opened_on,
        "state": account.state,
        "account_class": account.account_class,
        "activated_on": account.activated_on,
        "lost_at": account.lost_at,
        "numbers_kept": account.numbers_kept,
    }
