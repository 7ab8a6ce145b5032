"""``load-legacy cards.csv``: cards made before this platform, in chunks that count once, with their events."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from card_svc.cardlog import store as cardlog
from card_svc.cardlog.rules import Step
from card_svc.cards import store as cards
from card_svc.legacy.rules import COLUMNS, LegacyCard, read_line
from card_svc.personal import PersonalData
from unioncard.bulk import Counts, Loaded
from unioncard.bulk_by_member import FileOf, Kept, Named, load_file
from unioncard.chunks import Reject
from unioncard.contracts.cards import CardState
from unioncard.dates import day_start, shanghai_date
from unioncard.service import Context
from unioncard.unit_of_work import Transaction

_REASON = "由原系统迁入"

# Without batch and channel, by which they can be told from those that were made through this platform.
_INSERT = sa.text("""
    INSERT INTO cards (member_id, state, version, card_number, number_end, card_hash, issued_at)
    SELECT member_id, 'issued', 1, card_number, number_end, card_hash, issued_at
    FROM unnest(CAST(:members AS bigint[]), CAST(:numbers AS text[]), CAST(:ends AS text[]), CAST(:hashes AS text[]),
                CAST(:issued AS timestamptz[])) AS new(member_id, card_number, number_end, card_hash, issued_at)
    ON CONFLICT DO NOTHING RETURNING member_id, card_hash
""")
_HELD = sa.text("SELECT member_id, card_hash FROM cards WHERE member_id = ANY(:members)")


async def load_cards(
    context: Context,
    path: Path,
    rejects_folder: Path,
    *,
    wait_s: float = 60.0,
    say: Callable[[Counts], None] = lambda _: None,
) -> Loaded:
    """Load the file; members that are not there yet are waited for while any arrive."""
    personal = PersonalData(context.keys)
    today = shanghai_date(context.clock.now())

    async def keep(tx: Transaction, rows: list[Named[LegacyCard]]) -> Kept:
        return await _keep(tx, rows, personal)

    kind = FileOf(COLUMNS, lambda line, cells: read_line(line, cells, today), keep)
    return await load_file(context, kind, path, rejects_folder, wait_s=wait_s, say=say)


async def _keep(tx: Transaction, rows: Sequence[Named[LegacyCard]], personal: PersonalData) -> Kept:
    values = await asyncio.to_thread(_columns, rows, personal)
    new = {(row.member_id, row.card_hash) for row in await tx.conn.execute(_INSERT, values)}
    held = {row.member_id: row.card_hash for row in await tx.conn.execute(_HELD, {"members": values["members"]})}
    loaded, known, rejects = dict[int, Named[LegacyCard]](), 0, list[Reject]()
    for row, hashed in zip(rows, values["hashes"], strict=True):
        if (row.member_id, hashed) in new and row.member_id not in loaded:
            loaded[row.member_id] = row
        elif held.get(row.member_id) == hashed:
            known += 1
        elif row.member_id in held:
            rejects.append(Reject(row.line, "member_number", "该会员已有办卡记录", "请核对；以本平台的办卡记录为准"))
        else:
            rejects.append(Reject(row.line, "card_number", "卡号已属于另一会员", "请核对卡号和会员编号"))
    await cardlog.add(tx, Step.ISSUED, list(loaded), reason=_REASON)
    cards.publish(tx, [_changed(row) for row in loaded.values()])
    return Kept(len(loaded), known, rejects)


def _columns(rows: Sequence[Named[LegacyCard]], personal: PersonalData) -> dict[str, list[Any]]:
    return {
        "members": [row.member_id for row in rows],
        "numbers": [personal.encrypt("card_number", row.member_id, row.value.card_number) for row in rows],
        "ends": [row.value.card_number[-4:] for row in rows],
        "hashes": [personal.card_hash(row.value.card_number) for row in rows],
        "issued": [day_start(row.value.numbered_on) for row in rows],
    }


def _changed(row: Named[LegacyCard]) -> cards.Changed:
    day, end = row.value.numbered_on, row.value.card_number[-4:]
    return cards.Changed(row.member_id, 1, CardState.ISSUED.value, row.union_id, day, end)
