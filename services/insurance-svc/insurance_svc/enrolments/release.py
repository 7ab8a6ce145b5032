"""A list that no longer stands: its members are free again, and the union's class with the last of its lists."""

from collections.abc import Sequence

import sqlalchemy as sa

from insurance_svc.enrolments import store
from insurance_svc.enrolments.rules import RELEASED_FROM, STANDING, Release
from unioncard.problems import conflict
from unioncard.unit_of_work import Transaction

_UNIONS = sa.text("SELECT DISTINCT union_id FROM enrolments WHERE id = ANY(:ids)")

_RELEASE = sa.text("""
    UPDATE enrolments e SET state = :state, changed_at = :now,
        returned_at = CASE WHEN :state = 'returned' THEN CAST(:now AS timestamptz) ELSE e.returned_at END,
        return_reason = coalesce(:reason, e.return_reason)
    FROM (SELECT id, state FROM enrolments WHERE id = ANY(:ids) ORDER BY id FOR UPDATE) AS before
    WHERE e.id = before.id AND before.state = ANY(:from)
    RETURNING e.id, e.union_id, e.coverage_year, e.heads, before.state AS before
""")

_VOID = sa.text("UPDATE policies SET void = true WHERE enrolment_id = ANY(:ids) AND NOT void")

# Members pick their own class, so personal lists hold none.
_FREE_CLASSES = sa.text("""
    DELETE FROM union_classes c
    USING (SELECT DISTINCT union_id, coverage_year FROM enrolments WHERE id = ANY(:ids) AND way <> 'personal') AS gone
    WHERE c.union_id = gone.union_id AND c.coverage_year = gone.coverage_year
      AND NOT EXISTS (
          SELECT FROM enrolments e
          WHERE e.union_id = c.union_id AND e.coverage_year = c.coverage_year AND e.way <> 'personal'
            AND e.state = ANY(:standing))
""")


async def release_lists(tx: Transaction, enrolment_ids: Sequence[int], state: Release, reason: str | None) -> None:
    """Return, withdraw or void lists: all of them or, where one is in a state that forbids it, none (409).

    Voids their policies and frees classes that no other list holds; five statements, however many lists. Each list
    has its entry in the audit.
    """
    ids = sorted(set(enrolment_ids))
    if not ids:
        return
    await store.lock_unions(tx.conn, list((await tx.conn.execute(_UNIONS, {"ids": ids})).scalars()))
    values = {
        "ids": ids,
        "state": state,
        "reason": reason,
        "now": tx.now,
        "from": [one.value for one in RELEASED_FROM[state]],
    }
    released = (await tx.conn.execute(_RELEASE, values)).all()
    if len(released) != len(ids):
        raise conflict(
            "list-changed",
            "名单的状态已经改变，本次操作未生效",
            "请刷新列表，按名单现在的状态重新办理。",
            enrolment_ids=sorted(set(ids) - {row.id for row in released}),
        )
    await tx.conn.execute(_VOID, {"ids": ids})
    await tx.conn.execute(_FREE_CLASSES, {"ids": ids, "standing": [one.value for one in STANDING]})
    for row in released:
        after = {"state": state, "heads": row.heads, "reason": reason}
        tx.audit(
            f"enrolment.{state}",
            f"enrolment:{row.id}",
            organisation_id=row.union_id,
            before={"state": row.before},
            after=after,
        )
