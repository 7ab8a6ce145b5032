"""``load-legacy members.csv``: millions of members, in chunks that are loaded once, with their events.

Worker processes check and encrypt; this process writes: a transaction a chunk, with the members, their messages in the
outbox, the rejects' file and the record of the offset. Killed at any line, it goes on from there when run again.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orjson
from sqlalchemy.exc import OperationalError

from member_svc.imports import store as imports
from member_svc.legacy import store
from member_svc.legacy.preparing import Prepared, begin, prepare
from member_svc.legacy.rules import OPTIONAL, REQUIRED
from unioncard import bulk, chunks
from unioncard.bulk import Counts, Loaded
from unioncard.chunks import Chunk, Reject, RejectFile, Source
from unioncard.contracts.members import MembersChanged
from unioncard.dates import shanghai_date
from unioncard.service import Context
from unioncard.unit_of_work import Transaction

ACTOR = "command:load-legacy"
# Two chunks with a person in common may wait for each other; the one that the database ends is simply tried again.
TRIES = 5


@dataclass(frozen=True, slots=True)
class _Load:
    context: Context
    source: Source
    rejects: RejectFile
    pool: ProcessPoolExecutor

    async def chunk(self, chunk: Chunk) -> Counts:
        """Load one chunk."""
        async with self.context.engine.begin() as conn:
            ids = await imports.draw_member_ids(conn, chunk.lines)
        prepared = await asyncio.get_running_loop().run_in_executor(self.pool, prepare, self.source, chunk, ids)
        for left in reversed(range(TRIES)):
            try:
                async with self.context.work.begin(ACTOR) as tx:
                    return await self._keep(tx, chunk, prepared)
            except OperationalError:
                if not left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _keep(self, tx: Transaction, chunk: Chunk, prepared: Prepared) -> Counts:
        await store.stage(tx.conn, prepared.copy)
        loaded = await store.insert_staged(tx.conn)
        left = await store.left_out(tx.conn) if loaded < prepared.staged else []
        await store.raise_numbers(tx.conn)
        rejects = prepared.rejects + [_taken(one.line, one.number_taken) for one in left if not one.known]
        counts = Counts(chunk.lines, loaded, sum(one.known for one in left), len(rejects))
        _tell(tx, prepared, {one.id for one in left})
        after = {name: getattr(counts, name) for name in ("loaded", "known", "rejected")}
        tx.audit("members.load-legacy", f"file:{self.source.digest[:16]}/{chunk.start}", after=after)
        await bulk.note(tx.conn, self.source, chunk, counts)
        # Before the commit: were it after, a kill between the two would lose them.
        await asyncio.to_thread(self.rejects.write, chunk, rejects)
        return counts


def _taken(line: int, number_taken: bool) -> Reject:
    if number_taken:
        return Reject(line, "number", "会员编号已属于另一会员", "请核对会员编号和证件号码")
    return Reject(line, "document_number", "证件号码已登记在另一会员名下", "请核对证件号码；同一会员只保留一行")


def _tell(tx: Transaction, prepared: Prepared, left_out: set[int]) -> None:
    """The loaded members as events, as their workers sealed them."""
    for union_id, seal, ids, members in prepared.messages:
        told = members
        if left_out and not left_out.isdisjoint(ids):
            told = [member for id_, member in zip(ids, members, strict=True) if id_ not in left_out]
        if told:
            data = {"union_id": union_id, "seal": seal, "members": [orjson.Fragment(member) for member in told]}
            key = union_id or 0
            tx.publish_data(MembersChanged, data, key=str(key), subject=f"union:{key}")


async def load_members(
    context: Context,
    path: Path,
    rejects_folder: Path,
    *,
    workers: int | None = None,
    say: Callable[[Counts], None] = lambda _: None,
) -> Loaded:
    """Load the file; raises :class:`unioncard.chunks.BadSource` where it is none. Once loaded, it does nothing more."""
    source = await asyncio.to_thread(chunks.open_source, path, REQUIRED, OPTIONAL)
    async with context.engine.connect() as conn:
        unions = await store.unions(conn)
        done = await bulk.done_before(conn, source)
    rejects = RejectFile(rejects_folder, source)
    today = shanghai_date(context.clock.now())
    count = workers or os.cpu_count() or 1
    with bulk.worker_pool(count, begin, context.settings.keys_file, unions, today) as pool:
        load = _Load(context, source, rejects, pool)
        loaded = await bulk.load_chunks(source, done, load.chunk, at_once=count + 1, say=say)
    loaded.rejects = await asyncio.to_thread(rejects.finish, loaded.rejected)
    return loaded
