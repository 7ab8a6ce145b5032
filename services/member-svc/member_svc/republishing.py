"""``republish``: the service's state as events once more, so that a new reader can catch up.

Versions make it harmless for those that know it already.
"""

from itertools import groupby

from member_svc.members import store as members
from member_svc.members.events import publish_members
from member_svc.members.sealing import Sealing
from member_svc.organisations import store as organisations
from member_svc.organisations.events import publish_organisations
from unioncard.service import Context

BATCH = 5000
ACTOR = "command:republish"


async def republish(context: Context) -> tuple[int, int]:
    """Publish all organisations, then all members that readers know; returns how many of each.

    A transaction a batch: killed in between, it is simply run again.
    """
    return await _organisations(context), await _members(context) + await _without_union(context)


async def _organisations(context: Context) -> int:
    done = last = 0
    while True:
        async with context.work.begin(ACTOR) as tx:
            rows = await organisations.contract_page(tx.conn, last, BATCH)
            publish_organisations(tx, rows)
        if not rows:
            return done
        done, last = done + len(rows), rows[-1]["id"]


async def _members(context: Context) -> int:
    sealing, sealer = Sealing.of(context.keys), context.keys.transport_sealer()
    done, last = 0, (0, 0)
    while True:
        async with context.work.begin(ACTOR) as tx:
            rows = await members.published_page(tx.conn, last, BATCH)
            for union_id, group in groupby(rows, key=lambda row: int(row["union_id"])):
                await publish_members(tx, list(group), union_id, sealing, sealer)
        if not rows:
            return done
        done, last = done + len(rows), (rows[-1]["union_id"], rows[-1]["id"])


async def _without_union(context: Context) -> int:
    """Who left a union is known to readers as well; a new one must learn of their cards and cover."""
    sealing, sealer = Sealing.of(context.keys), context.keys.transport_sealer()
    done = last = 0
    while True:
        async with context.work.begin(ACTOR) as tx:
            rows = await members.published_without_union(tx.conn, last, BATCH)
            await publish_members(tx, rows, None, sealing, sealer)
        if not rows:
            return done
        done, last = done + len(rows), rows[-1]["id"]
