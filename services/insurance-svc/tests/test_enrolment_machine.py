"""Whatever unions, districts and the centre do in whatever order: one policy a member, one class, no fen astray."""

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from insurance_svc.enrolments.release import release_lists
from insurance_svc.enrolments.rules import RELEASED_FROM, Release
from insurance_svc_testing import Trial
from insurance_svc_testing.submissions import choice, season_2020, split
from unioncard.problems import Problem
from unioncard_testing.trial import SIBLING, UNION

T = TypeVar("T")

UNIONS = (UNION, SIBLING)
MEMBERS = range(1, 7)
FEES = {"A": 2600, "B": 9000}
STANDING = ("submitted", "basket", "in_batch")


class Enrolment(RuleBasedStateMachine):
    """Two unions with six members; what should be is kept beside what is."""

    trial: ClassVar[Trial]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.union_of: dict[int, int | None] = {}
        self.lists: dict[int, dict[str, Any]] = {}

    def run_in_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The machine steps in a thread of its own; the service lives in the test's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def sql(self, statement: str, **values: Any) -> None:
        """Behind the service's back."""
        self.run_in_loop(self.trial.run(statement, **values))

    @initialize()
    def nobody_is_enrolled(self) -> None:
        for table in ("policies", "enrolment_prices", "enrolments", "union_classes"):
            self.sql(f"DELETE FROM {table}")
        self.sql("UPDATE members SET union_id = CASE WHEN id <= 3 THEN 345 ELSE 346 END, state = 'normal'")
        self.union_of = {one: UNION if one <= 3 else SIBLING for one in MEMBERS}

    def standing(self) -> list[dict[str, Any]]:
        return [one for one in self.lists.values() if one["state"] in STANDING]

    def enrolled(self) -> set[int]:
        return {member for one in self.standing() for member in one["members"]}

    def class_of(self, union: int) -> str | None:
        return next((one["class"] for one in self.standing() if one["union"] == union), None)

    @rule(
        union=st.sampled_from(UNIONS),
        class_code=st.sampled_from(["A", "A", "B"]),
        chosen=st.none() | st.sets(st.sampled_from(MEMBERS), min_size=1, max_size=3),
    )
    def submit(self, union: int, class_code: str, chosen: set[int] | None) -> None:
        able = {one for one, home in self.union_of.items() if home == union} - self.enrolled()
        wanted = able if chosen is None else chosen
        body = choice(member_ids=None if chosen is None else sorted(chosen), class_code=class_code)
        answer = self.run_in_loop(self.trial.call("POST", "/enrolments", body, organisation=union))
        if wanted and wanted <= able and self.class_of(union) in (None, class_code):
            assert answer.status_code == 201, answer.text
            made = answer.json()
            assert (made["heads"], made["fee_fen"]) == (len(wanted), len(wanted) * FEES[class_code])
            self.lists[made["id"]] = {"union": union, "class": class_code, "state": "submitted", "members": wanted}
        else:
            assert answer.status_code in (409, 422), answer.text

    @precondition(lambda self: self.lists)
    @rule(data=st.data(), state=st.sampled_from(["returned", "withdrawn", "voided"]))
    def release(self, data: st.DataObject, state: Release) -> None:
        ids = data.draw(st.sets(st.sampled_from(sorted(self.lists)), min_size=1, max_size=3))
        allowed = all(self.lists[one]["state"] in RELEASED_FROM[state] for one in ids)
        assert self.run_in_loop(self._released(sorted(ids), state)) == allowed
        if allowed:
            for one in ids:
                self.lists[one]["state"] = state

    async def _released(self, ids: list[int], state: Release) -> bool:
        try:
            async with self.trial.context.work.begin("account:12") as tx:
                await release_lists(tx, ids, state, "说明")
        except Problem:
            return False
        return True

    @precondition(lambda self: self.standing())
    @rule(data=st.data(), state=st.sampled_from(STANDING))
    def review(self, data: st.DataObject, state: str) -> None:
        """District and centre: into the basket and off again, into a batch, and returned with it."""
        one = data.draw(st.sampled_from(sorted(id_ for id_, one in self.lists.items() if one["state"] in STANDING)))
        number = "CB201912280001" if state == "in_batch" else None
        self.sql(
            "UPDATE enrolments SET state = :state, batch_number = :number WHERE id = :id",
            state=state,
            number=number,
            id=one,
        )
        self.lists[one]["state"] = state

    @rule(member=st.sampled_from(MEMBERS), union=st.sampled_from([*UNIONS, None]))
    def move(self, member: int, union: int | None) -> None:
        """Members leave and come; their cover stays as it is."""
        self.sql(
            "UPDATE members SET union_id = :union, state = :state WHERE id = :id",
            union=union,
            state="normal" if union else "without_union",
            id=member,
        )
        self.union_of[member] = union

    @invariant()
    def one_policy_a_member(self) -> None:
        found = self.run_in_loop(self.trial.column("SELECT member_id FROM policies WHERE NOT void ORDER BY member_id"))
        assert found == sorted(self.enrolled())

    @invariant()
    def one_class_a_union(self) -> None:
        found = self.run_in_loop(
            self.trial.column("SELECT union_id || class_code FROM union_classes ORDER BY union_id")
        )
        assert found == [f"{union}{held}" for union in UNIONS if (held := self.class_of(union)) is not None]

    @invariant()
    def no_fen_astray(self) -> None:
        """Lists, their prices and their policies agree, also of those that no longer stand."""
        found = self.run_in_loop(
            self.trial.column("""
                SELECT e.id FROM enrolments e
                WHERE NOT coalesce((e.heads, e.fee_fen, e.subsidy_fen, e.district_fen, e.union_fen) = (
                    SELECT sum(heads)::int, sum(heads * fee_fen)::bigint, sum(heads * subsidy_fen)::bigint,
                           sum(heads * district_fen)::bigint, sum(heads * union_fen)::bigint
                    FROM enrolment_prices p WHERE p.enrolment_id = e.id), false)
                OR e.heads <> (SELECT count(*) FROM policies WHERE enrolment_id = e.id)
            """)
        )
        assert found == []


async def test_whatever_happens(trial: Trial) -> None:
    await season_2020(trial)
    await split(trial, 2000, 3000, class_code="B")
    await trial.enrollable(6)
    here = type("Here", (Enrolment,), {"trial": trial, "loop": asyncio.get_running_loop()})
    short = settings(max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    await asyncio.to_thread(run_state_machine_as_test, here, settings=short)
