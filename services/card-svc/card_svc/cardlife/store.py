"""Files what the bank says of accounts: one function for callbacks and file, with a fixed number of statements."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from card_svc.bank.models import Filed
from card_svc.bank.rules import Verdict
from card_svc.cardlife.models import Life
from card_svc.cardlife.news import Standing, steps
from card_svc.cardlife.rules import AccountClass, LifeState
from card_svc.cardlog import store as cardlog
from card_svc.cards import store as cards
from card_svc.personal import PersonalData
from unioncard.unit_of_work import Transaction

_LOCK = sa.text("SELECT pg_advisory_xact_lock(7236202)")

_MATCHES = sa.text("""
    SELECT said.hash, cn.account_hash, l.member_id AS had_by, c.member_id AS held_by
    FROM unnest(CAST(:hashes AS text[])) AS said(hash)
    LEFT JOIN card_numbers cn ON cn.card_hash = said.hash
    LEFT JOIN card_lives l ON l.account_hash = cn.account_hash
    LEFT JOIN cards c ON c.card_hash = said.hash
    WHERE cn.card_hash IS NOT NULL OR c.card_hash IS NOT NULL
""")

_LIVES = sa.text("""
    SELECT account_hash, sequence, number_end, state, account_class, activated_on,
           CAST(lost_at AT TIME ZONE 'Asia/Shanghai' AS date) AS lost_on, numbers_kept
    FROM card_lives WHERE account_hash = ANY(CAST(:accounts AS text[]))
""")

_CARDS = sa.text("""
    SELECT member_id, card_hash, number_end FROM cards WHERE member_id = ANY(CAST(:members AS bigint[]))
""")

_FILE = sa.text("""
    INSERT INTO card_lives (account_hash, member_id, sequence, state, account_class, activated_on, lost_at,
        numbers_kept, number_end, changed_at)
    SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:members AS bigint[]), CAST(:sequences AS bigint[]),
        CAST(:states AS text[]), CAST(:classes AS smallint[]), CAST(:activated AS date[]),
        CAST(:lost AS timestamptz[]), CAST(:kept AS integer[]), CAST(:ends AS text[]), CAST(:changed AS timestamptz[]))
    ON CONFLICT (account_hash) DO UPDATE SET sequence = excluded.sequence, state = excluded.state,
        account_class = excluded.account_class, activated_on = excluded.activated_on, lost_at = excluded.lost_at,
        numbers_kept = excluded.numbers_kept, number_end = excluded.number_end, changed_at = excluded.changed_at
    WHERE card_lives.sequence < excluded.sequence
""")

_NUMBERS = sa.text("""
    INSERT INTO card_numbers (card_hash, account_hash)
    SELECT * FROM unnest(CAST(:hashes AS text[]), CAST(:accounts AS text[])) ON CONFLICT DO NOTHING
""")

# A cancelled account takes the card with it; any other change of numbers leaves the day on which the card was made.
_MOVE = sa.text(f"""
    WITH new AS (
        SELECT * FROM unnest(CAST(:members AS bigint[]), CAST(:held AS text[]), CAST(:numbers AS text[]),
                             CAST(:hashes AS text[]), CAST(:ends AS text[]))
            AS said(member_id, held, card_number, card_hash, number_end)
    ), moved AS (
        UPDATE cards c SET version = c.version + 1, card_number = new.card_number, card_hash = new.card_hash,
            number_end = new.number_end, state = CASE WHEN new.card_hash IS NULL THEN 'none' ELSE c.state END,
            issued_at = CASE WHEN new.card_hash IS NULL THEN NULL ELSE c.issued_at END
        FROM new WHERE c.member_id = new.member_id AND c.card_hash = new.held AND c.state = 'issued'
        RETURNING c.member_id, c.version, c.state, c.issued_at, c.number_end
    )
    SELECT c.member_id, c.version, c.state, coalesce(m.union_id, 0), {cards.NUMBERED_ON}, c.number_end
    FROM moved c LEFT JOIN members m ON m.id = c.member_id ORDER BY c.member_id
""")  # noqa: S608  # a constant of ours

_SET_ASIDE = sa.text("""
    INSERT INTO set_aside (why, answer_id, batch_number, member_ref, status, card_number, card_hash)
    SELECT why, :source, '', '', status, card_number, card_hash
    FROM unnest(CAST(:whys AS text[]), CAST(:statuses AS text[]), CAST(:numbers AS text[]), CAST(:hashes AS text[]))
        AS said(why, status, card_number, card_hash)
    ON CONFLICT DO NOTHING
""")

# What was said of a number before it was known has been said again since.
_SETTLE = sa.text("DELETE FROM set_aside WHERE why = :why AND card_hash = ANY(CAST(:hashes AS text[]))")


@dataclass(slots=True)
class _Said:
    """What the bank says of one account, on its way to where it belongs."""

    life: Life
    hashes: list[list[str]]
    """Of each of its numbers, with every key; the current key's first."""
    verdict: Verdict = Verdict.UNKNOWN_NUMBER
    account: str = ""
    member_id: int = 0
    before: Standing | None = field(default=None)

    @property
    def current(self) -> str:
        """Hash of the number that is good now."""
        return self.hashes[-1][0]

    @property
    def all_hashes(self) -> set[str]:
        return {one for versions in self.hashes for one in versions}


async def file_lives(tx: Transaction, personal: PersonalData, source: str, lives: Sequence[Life]) -> Filed:
    """File what the bank says of these accounts; ``source`` names the notice or the file.

    The higher sequence of an account wins, so that what comes twice or late changes nothing; what fits no card is set
    aside. Tells the card states that change: a new number, or none any more. Statements do not grow with the accounts.
    """
    said = await asyncio.to_thread(_hashed, personal, lives)
    # Seldom enough to be filed one after the other; so nothing comes between judging and writing.
    await tx.conn.execute(_LOCK)
    await _judge_all(tx.conn, said)
    news = [one for one in said if one.verdict is Verdict.NEWS]
    aside = [one for one in said if one.verdict not in (Verdict.NEWS, Verdict.REPEAT)]
    if news:
        await _file(tx, personal, news)
    if aside:
        await _put_aside(tx, personal, source, aside)
    filed = Filed(results=len(said), news=len(news), repeats=len(said) - len(news) - len(aside), set_aside=len(aside))
    if news:
        tx.audit("card-lives.told", f"card-lives:{source}", after=filed.model_dump())
    return filed


def _hashed(personal: PersonalData, lives: Sequence[Life]) -> list[_Said]:
    return [_Said(life, [personal.card_hashes(number) for number in life.numbers]) for life in lives]


async def _judge_all(conn: AsyncConnection, said: Sequence[_Said]) -> None:
    hashes = sorted({one for each in said for one in each.all_hashes})
    matches = {row.hash: row for row in await conn.execute(_MATCHES, {"hashes": hashes})}
    for one in said:
        _match(one, [matches[hashed] for hashed in one.all_hashes if hashed in matches])
    matched = [one for one in said if one.account]
    rows = await conn.execute(_LIVES, {"accounts": [one.account for one in matched]})
    sequences: dict[str, int] = {}
    standings: dict[str, Standing] = {}
    for row in rows:
        sequences[row.account_hash] = row.sequence
        standings[row.account_hash] = _standing(row)
    # Within one answer too the newest counts, and what comes before it is a repeat.
    for one in sorted(matched, key=lambda each: -each.life.sequence):
        before = standings.get(one.account)
        if one.life.sequence <= sequences.get(one.account, 0):
            one.verdict = Verdict.REPEAT
            continue
        if before is not None and before.state is LifeState.CANCELLED and one.life.state is not LifeState.CANCELLED:
            one.verdict = Verdict.REOPENED
            continue
        one.verdict, one.before = Verdict.NEWS, before
        sequences[one.account] = one.life.sequence


def _match(one: _Said, rows: Sequence[Any]) -> None:
    """Whose account it is: known by any number that it ever had."""
    accounts = {row.account_hash for row in rows if row.account_hash}
    members = {member for row in rows for member in (row.had_by, row.held_by) if member is not None}
    if len(accounts) > 1 or len(members) > 1:
        one.verdict = Verdict.TWO_ACCOUNTS
    elif members:
        one.member_id = members.pop()
        one.account = accounts.pop() if accounts else one.hashes[0][0]


def _standing(row: Any) -> Standing:
    return Standing(
        row.number_end,
        LifeState(row.state),
        AccountClass(row.account_class),
        row.activated_on,
        row.lost_on,
        row.numbers_kept,
    )


async def _file(tx: Transaction, personal: PersonalData, news: Sequence[_Said]) -> None:
    values: dict[str, Any] = {
        "accounts": [one.account for one in news],
        "members": [one.member_id for one in news],
        "sequences": [one.life.sequence for one in news],
        "states": [one.life.state.value for one in news],
        "classes": [one.life.account_class.value for one in news],
        "activated": [one.life.activated_on for one in news],
        "lost": [one.life.lost_at for one in news],
        "kept": [one.life.numbers_kept for one in news],
        "ends": [one.life.numbers[-1][-4:] for one in news],
        "changed": [one.life.changed_at for one in news],
    }
    await tx.conn.execute(_FILE, values)
    numbers = [(hashed, one.account) for one in news for versions in one.hashes for hashed in versions[:1]]
    await tx.conn.execute(_NUMBERS, {"hashes": [h for h, _ in numbers], "accounts": [a for _, a in numbers]})
    held = {row.member_id: row for row in await tx.conn.execute(_CARDS, {"members": values["members"]})}
    await _log(tx, news, held)
    await _move(tx, personal, news, held)
    settled = sorted({hashed for one in news for hashed in one.all_hashes})
    await tx.conn.execute(_SETTLE, {"why": Verdict.UNKNOWN_NUMBER.value, "hashes": settled})


async def _log(tx: Transaction, news: Sequence[_Said], held: Mapping[int, Any]) -> None:
    entries = [
        (one.member_id, step, reason)
        for one in news
        for step, reason in steps(one.before or _untold(one, held.get(one.member_id)), one.life.standing)
    ]
    await cardlog.add_each(
        tx,
        [member for member, _, _ in entries],
        [step for _, step, _ in entries],
        [None] * len(entries),
        [reason for _, _, reason in entries],
    )


def _untold(one: _Said, card: Any) -> Standing:
    """An account of which nothing was told before: as it was opened, at the number that we have of it."""
    ours = card is not None and card.card_hash in one.all_hashes
    return Standing(card.number_end if ours and card.number_end else one.life.numbers[0][-4:])


async def _move(tx: Transaction, personal: PersonalData, news: Sequence[_Said], held: Mapping[int, Any]) -> None:
    """Give the cards their new numbers; take them from who cancelled. An account that is no longer the member's card
    moves nothing."""
    moving = [one for one in news if _moves(one, held.get(one.member_id))]
    if not moving:
        return
    live = [one.life.state is not LifeState.CANCELLED for one in moving]
    numbers = await asyncio.to_thread(
        lambda: [
            personal.encrypt("card_number", one.member_id, one.life.numbers[-1]) if lives else None
            for one, lives in zip(moving, live, strict=True)
        ]
    )
    values = {
        "members": [one.member_id for one in moving],
        "held": [held[one.member_id].card_hash for one in moving],
        "numbers": numbers,
        "hashes": [one.current if lives else None for one, lives in zip(moving, live, strict=True)],
        "ends": [one.life.numbers[-1][-4:] if lives else None for one, lives in zip(moving, live, strict=True)],
    }
    cards.publish(tx, cards.changed(await tx.conn.execute(_MOVE, values)))


def _moves(one: _Said, card: Any) -> bool:
    if card is None or card.card_hash not in one.all_hashes:
        return False
    return one.life.state is LifeState.CANCELLED or card.card_hash not in one.hashes[-1]


async def _put_aside(tx: Transaction, personal: PersonalData, source: str, aside: Sequence[_Said]) -> None:
    await tx.conn.execute(
        _SET_ASIDE,
        {
            "source": source,
            "whys": [one.verdict.value for one in aside],
            "statuses": [one.life.state.value for one in aside],
            "numbers": [personal.encrypt("card_number", "", one.life.numbers[-1]) for one in aside],
            "hashes": [one.current for one in aside],
        },
    )


async def last_file(conn: AsyncConnection) -> date | None:
    """The newest day whose life file has been taken over."""
    found: date | None = await conn.scalar(sa.text("SELECT max(day) FROM life_files"))
    return found


async def note_file(tx: Transaction, day: date) -> None:
    """The life file of a day has been taken over, whole."""
    await tx.conn.execute(
        sa.text("""
            INSERT INTO life_files (day, fetched_at) VALUES (:day, :now)
            ON CONFLICT (day) DO UPDATE SET fetched_at = excluded.fetched_at
        """),
        {"day": day, "now": tx.now},
    )
