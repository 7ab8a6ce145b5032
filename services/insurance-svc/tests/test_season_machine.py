"""Whatever unions, districts, the centre, the bank and the federation do in whatever order: no fen astray, one policy a
member and day, one class a union and year.

``make walks`` goes ways nobody has walked yet: ``UNIONCARD_MACHINE_ROUNDS`` of ten walks of ``UNIONCARD_MACHINE_STEPS``
each, and ``UNIONCARD_MACHINE_SEED`` says where they begin.
"""

import asyncio
import os
from datetime import date, datetime, time, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, run_state_machine_as_test

from insurance_svc_testing import Trial
from insurance_svc_testing.districts import HEADER
from insurance_svc_testing.season_model import STANDING, Batch, Movement
from insurance_svc_testing.season_walk import DISTRICTS, HOMES, MOSTLY, SEASONS, CampaignWalk
from insurance_svc_testing.submissions import season_2020, split
from unioncard.contracts.insurance import VoidUnpaid
from unioncard.database import engine_for
from unioncard.principal import Role
from unioncard_testing.trial import OTHER_DISTRICT
from unioncard_testing.walking import action, first_seed

ROUNDS = int(os.environ.get("UNIONCARD_MACHINE_ROUNDS", "2"))
STEPS = int(os.environ.get("UNIONCARD_MACHINE_STEPS", "30"))

MOVABLE = ("union_window", "union_payment", "district_review", "district_submission", "payment", "payment")

WHAT_IS = """
    SELECT 'list ' || id || ' ' || concat_ws(' ', state, CASE WHEN state = 'in_batch' THEN batch_number END, heads,
                                             fee_fen, subsidy_fen, district_fen, union_fen, paid_fen) FROM enrolments
    UNION ALL SELECT 'cover ' || concat_ws(' ', member_id, enrolment_id, first_day, last_day) FROM policies WHERE
        NOT void
    UNION ALL SELECT 'class ' || concat_ws(' ', union_id, coverage_year, class_code) FROM union_classes
    UNION ALL SELECT 'batch ' || concat_ws(' ', number, state, fee_fen, due_fen, credit_fen,
                                           CASE WHEN state IN ('passed', 'written_off') THEN received_fen END,
                                           CASE WHEN state IN ('passed', 'written_off') THEN due_on END) FROM batches
    UNION ALL SELECT 'line ' || concat_ws(' ', bank_reference, outcome, counted_fen, settlement, batch_number)
    FROM statement_lines
    UNION ALL SELECT 'account ' || concat_ws(' ', account, district_id, sum(amount_fen)) FROM ledger
    GROUP BY account, district_id HAVING sum(amount_fen) <> 0
"""
# What a proposed change wants: a phase's last day for a district (0: all), or so much more of fee and subsidy.
Wanted = tuple[str, int, date] | int

LAWS = (
    *("double_cover", "days_astray", "lines_astray", "statements_astray", "lists_astray"),
    *("classes_astray", "batches_astray", "postings_astray", "districts_astray"),
    "trial_balance_fen",
)


class Walk(CampaignWalk):
    """The centre, the bank and the federation too; after every step all that the service holds is what it must be."""

    # -- the centre

    def some_batch(self, data: st.DataObject) -> Batch:
        """Any of them, one that waits rather than another."""
        waiting = sorted(one.number for one in self.season.batches.values() if one.state in ("reviewing", "passed"))
        one_waiting = data.draw(MOSTLY)
        numbers = waiting if waiting and one_waiting else sorted(self.season.batches)
        return self.season.batches[data.draw(st.sampled_from(numbers))]

    @action(
        times=2,
        when=lambda self: self.season.batches,
    )
    def pass_batch(self, data: st.DataObject) -> None:
        self.pass_one(self.some_batch(data))

    @action(
        when=lambda self: self.season.batches,
    )
    def return_batch(self, data: st.DataObject) -> None:
        batch = self.some_batch(data)
        expected = batch.state == "reviewing"
        path = f"/premium-batches/{batch.number}/return"
        self.post(path, {"reason": "请核对"}, expected=expected, role=Role.CENTRE_REVIEWER)
        if expected:
            self.season.give_up(batch, "returned")

    @action(times=2, when=lambda self: self.season.batches, everything=st.booleans())
    def write_off(self, data: st.DataObject, everything: bool) -> None:
        ready = [one for one in self.season.batches.values() if one.state == "passed" and not one.missing]
        expected, body, chosen = True, dict[str, Any](all_paid=True), ready
        if not everything:
            one = self.some_batch(data)
            expected = one in ready or one.state == "written_off"
            body, chosen = {"numbers": [one.number]}, [one] if one in ready else []
        answer = self.post("/premium-batches/write-offs", body, expected=expected, role=Role.CENTRE_PAYER)
        if expected:
            assert answer["numbers"] == sorted(one.number for one in chosen)
            for one in chosen:
                one.state = "written_off"

    @action(times=3, when=lambda self: self.season.batches, late=st.booleans(), lines=st.integers(0, 2))
    def void(self, data: st.DataObject, late: bool, lines: int) -> None:
        """The payment's workflow asks for a judgement; often when the last day is over and the statement is loaded."""
        batch = self.some_batch(data)
        if late and batch.state == "passed":
            over = datetime.combine(batch.due_on + timedelta(days=1), time(9), self.season.now.tzinfo)
            self.at(max(self.season.now, over))
            self.load_statement(data, lines, False)
        answer = self.command(VoidUnpaid(batch_number=batch.number))
        if self.season.must_be_void(batch):
            self.season.give_up(batch, "voided")
        assert answer["data"]["result"]["state"] == batch.state

    # -- the bank

    @action(times=4, lines=st.integers(0, 3), again=st.sampled_from([False, False, False, True]))
    def load_statement(self, data: st.DataObject, lines: int, again: bool) -> None:
        """The days up to yesterday, or one that is loaded already."""
        last = self.season.today - timedelta(days=1)
        first = max(last - timedelta(days=40), max(self.season.loaded, default=date.min) + timedelta(days=1))
        if first > last or (again and self.season.loaded):
            first = last = max(self.season.loaded) if self.season.loaded else last
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        movements = [self.movement(data, days, n) for n in range(lines)]
        text = HEADER + "".join(
            f"{one.reference},{one.day},{one.amount // 100}.{one.amount % 100:02d},示例区总工会,{one.batch or '保费'}\n"
            for one in movements
        )
        expected = not self.season.loaded & set(days)
        more: dict[str, Any] = {
            "data": {"first_day": str(first), "last_day": str(last)},
            "files": {"file": ("statement.csv", text.encode(), "text/csv")},
        }
        answer = self.post("/statements", None, expected=expected, role=Role.CENTRE_PAYER, **more)
        if expected:
            outcomes = self.season.load(days, movements)
            assert {one: n for one, n in answer["outcomes"].items() if n} == dict(outcomes)

    def movement(self, data: st.DataObject, days: list[date], running: int) -> Movement:
        """Exact, a fen short or over, half, the wrong batch, or none."""
        batches = sorted(self.season.batches)
        number = data.draw(st.sampled_from([*batches, *batches, None])) if batches else None
        batch = self.season.batches.get(number or "")
        missing = batch.missing if batch and batch.missing > 1 else 2600
        amount = data.draw(st.sampled_from([missing, missing, missing, missing - 1, missing + 1, missing // 2]))
        day = data.draw(st.sampled_from([days[0], days[-1]]) | st.sampled_from(days))
        return Movement(f"{self.requests}-{running}", day, amount, number)

    @action(
        times=2,
        when=lambda self: self.season.movements,
        how=st.sampled_from(["attached", "attached", "refunded", "credited"]),
    )
    def settle(self, data: st.DataObject, how: str) -> None:
        """Somebody settles a movement that is not exact."""
        known = self.season.movements
        unsettled = sorted(ref for ref, one in known.items() if one.outcome != "exact" and one.settlement is None)
        one = known[data.draw(st.sampled_from(unsettled or sorted(known)))]
        body: dict[str, Any] = {"settlement": how, "note": "已核对"}
        outcome, counted = "", 0
        if how == "attached":
            body["batch_number"] = data.draw(st.sampled_from([*sorted(self.season.batches), "CB209901010001"]))
            outcome, counted = self.season.judge(body["batch_number"], one.day, one.amount)
            fits = one.counted == 0 and counted > 0
        else:
            fits = one.amount > one.counted and (how == "refunded" or one.batch is not None)
        expected = one.reference in unsettled and fits
        path = f"/statement-lines/{one.reference}/settlement"
        self.post(path, body, expected=expected, role=Role.CENTRE_PAYER)
        if expected and how == "attached":
            one.batch, one.settlement = body["batch_number"], "attached" if outcome == "exact" else None
            self.season.count(one, outcome, counted)
        elif expected:
            one.settlement = how

    # -- the federation's rules

    @action(
        times=3,
        phase=st.sampled_from(MOVABLE),
        district=st.sampled_from([0, 0, *DISTRICTS]),
        by=st.sampled_from([2, -1, 7, 20, 0, 1, -4]),
        at_once=st.booleans(),
    )
    def propose_days(self, phase: str, district: int, by: int, at_once: bool) -> None:
        """An extension, an early close, an exception for one district, a re-opening."""
        first, last = self.season.days(phase, district)
        wanted = last + timedelta(days=by)
        change = {"kind": "calendar", "coverage_year": 2020, "scheme": "centralized", "phase": phase}
        change |= {"district_id": district or None, "first_day": first and str(first), "last_day": str(wanted)}
        made = self.propose(change, (phase, district, wanted), self.season.may_move(phase, district, wanted))
        if made is not None and at_once:
            self.decide(made, 82, True)

    @action(more=st.sampled_from([100, 250]))
    def propose_price(self, more: int) -> None:
        """A fee raised and the subsidy with it, so that the districts' shares still fit."""
        fee, subsidy, _, _ = self.season.prices[2020, "A", "full", False]
        central = self.season.prices[2020, "A", "full", True][1]
        change = {"kind": "rate", "coverage_year": 2020, "class_code": "A", "term": "full", "fee_fen": fee + more}
        change |= {"subsidy_fen": subsidy + more, "central_subsidy_fen": central + more}
        self.propose(change, more, not self.season.standing(2020))

    def propose(self, change: dict[str, Any], wanted: Wanted, expected: bool) -> int | None:
        """One account of the federation proposes."""
        body = {"change": change, "reason": "按会议决定"}
        answer = self.post("/rule-changes", body, expected=expected, role=Role.FEDERATION, account=81)
        if not expected:
            return None
        self.proposed[answer["id"]] = (wanted, self.stands(wanted))
        return int(answer["id"])

    def stands(self, wanted: Wanted) -> Any:
        """What stands now of what a change is about."""
        if isinstance(wanted, tuple):
            return self.season.calendar.get(wanted[:2])
        return self.season.prices[2020, "A", "full", False]

    @action(
        times=2,
        when=lambda self: self.proposed,
        account=st.sampled_from([81, 82, 82, 82]),
        approve=st.sampled_from([True, True, True, False]),
    )
    def decide_change(self, data: st.DataObject, account: int, approve: bool) -> None:
        """Another decides; what changed meanwhile, or what lists stand on by now, is not changed."""
        self.decide(data.draw(st.sampled_from(sorted(self.proposed))), account, approve)

    def decide(self, one: int, account: int, approve: bool) -> None:
        """An account decides on a proposal."""
        wanted, before = self.proposed[one]
        fits = self.season.may_move(*wanted) if isinstance(wanted, tuple) else not self.season.standing(2020)
        expected = account != 81 and (not approve or (before == self.stands(wanted) and fits))
        path = f"/rule-changes/{one}/decision"
        self.post(path, {"approve": approve}, expected=expected, role=Role.FEDERATION, account=account)
        if not expected:
            return
        del self.proposed[one]
        if approve and isinstance(wanted, tuple):
            self.season.move(*wanted)
        elif approve and isinstance(wanted, int):
            for central in (False, True):
                fee, subsidy, district, union = self.season.prices[2020, "A", "full", central]
                self.season.prices[2020, "A", "full", central] = (fee + wanted, subsidy + wanted, district, union)

    # -- what is seen

    @action(one=st.sampled_from(sorted(HOMES)), after=st.integers(-70, 300))
    def ask_cover(self, one: int, after: int) -> None:
        """Covered on this day?"""
        day = self.season.today + timedelta(days=after)
        path = f"/cover?member_id={one}&on={day}"
        shown = self.in_loop(self.trial.ok("GET", path, role=Role.FEDERATION))
        expected = self.season.cover(one, day)
        assert (shown["state"], shown["covered"]) == (expected, expected in ("provisional", "definite")), shown

    @action(district=st.sampled_from(DISTRICTS), of=st.sampled_from(SEASONS))
    def look_at_totals(self, district: int, of: tuple[str, int]) -> None:
        """The district's figures before it submits."""
        path = f"/district-review/totals?scheme={of[0]}&coverage_year={of[1]}"
        shown = self.in_loop(self.trial.ok("GET", path, role=Role.DISTRICT, organisation=district))
        mine = self.season.under_review(district, *of)
        ready = [one for one in mine if one.state == "basket" and not one.unpaid]
        shares = sum(one.money[2] + one.money[3] for one in ready)
        credit = self.season.credit(district)
        used = min(credit, shares) if of[0] == "centralized" else 0
        assert shown["waiting"]["heads"] == sum(len(one.first_days) for one in mine if one.state == "submitted")
        assert shown["basket"]["heads"] == sum(len(one.first_days) for one in ready)
        found = (shown["credit_available_fen"], shown["credit_fen"], shown["due_fen"])
        assert (found, credit >= 0) == ((credit, used, shares - used), True)

    @invariant()
    def nothing_is_astray(self) -> None:
        """Lists, policies, classes, batches, movements and accounts are what the model says, and nothing else."""
        if not hasattr(self, "season"):
            return
        found = set(self.in_loop(self.trial.column(WHAT_IS)))
        expected = self.expected()
        assert found == expected, (sorted(found - expected), sorted(expected - found))

    def teardown(self) -> None:
        """The operators' audit finds nothing either."""
        if hasattr(self, "season"):
            summary = self.in_loop(self.trial.ok("GET", "/reconciliation/summary", role=Role.FEDERATION))
            assert {law: summary[law] for law in LAWS if summary[law]} == {}

    def expected(self) -> set[str]:
        """What WHAT_IS must find."""
        season, lines = self.season, set[str]()

        def line(*parts: Any) -> None:
            lines.add(" ".join(str(part) for part in parts if part is not None))

        for one in season.lists.values():
            taken = one.batch if one.state == "in_batch" else None
            line("list", one.id, one.state, taken, len(one.first_days), *one.money, one.paid)
            if one.state in STANDING:
                line("class", one.union, one.year, one.class_code)
                for covered, first in one.first_days.items():
                    line("cover", covered, one.id, first, date(one.year, 12, 31))
        for batch in season.batches.values():
            held = batch.state in ("passed", "written_off")
            paid = (batch.received, batch.due_on) if held else ()
            line("batch", batch.number, batch.state, batch.money[0], batch.due, batch.credit, *paid)
        for movement in season.movements.values():
            parts = (movement.outcome, movement.counted, movement.settlement, movement.batch)
            line("line", movement.reference, *parts)
        return lines | {f"account {account} {amount}" for account, amount in season.accounts().items()}


async def _splits(trial: Trial) -> None:
    """The shares of the model's prices; the other district is one of central enterprises in 2020."""
    await season_2020(trial)
    await split(trial, 2000, 3000, class_code="B")
    await split(trial, 1000, 1500, class_code="B", term="half")
    other: dict[str, Any] = {"central": True, "district_id": OTHER_DISTRICT}
    await split(trial, 950, 1000, **other)
    await split(trial, 500, 500, term="half", **other)
    await split(trial, 3000, 3750, class_code="B", **other)
    await split(trial, 2000, 1400, class_code="B", term="half", **other)
    for district in DISTRICTS:
        await split(trial, 300, 300, term="half", district_id=district, year=2019)
        await split(trial, 1000, 1000, class_code="B", term="half", district_id=district, year=2019)
    await trial.run("""
        INSERT INTO central_enterprises (coverage_year, district_code, name, source)
        VALUES (2020, '007', '样本局工会', 'decision')
    """)


async def _round(trial: Trial, owner: Any, number: int) -> None:
    """Walks that have nothing to do with each other: after ten Hypothesis would take to varying those it had."""
    walk = type("AWalk", (Walk,), {"trial": trial, "owner": owner, "loop": asyncio.get_running_loop()})
    length = settings(
        max_examples=10,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate, Phase.shrink],
    )
    try:
        await asyncio.to_thread(run_state_machine_as_test, seed(number)(walk), settings=length)
    except BaseException as error:
        error.add_note(f"UNIONCARD_MACHINE_SEED={number} walks here again")
        raise


async def test_whatever_happens(trial: Trial) -> None:
    await _splits(trial)
    owner = engine_for(trial.context.database.owner_url)
    try:
        async with owner.begin() as conn:
            for name in ("calendar", "rates"):
                await conn.exec_driver_sql(f"DROP TABLE IF EXISTS kept_{name}")
                await conn.exec_driver_sql(f"CREATE TABLE kept_{name} AS TABLE {name}")
        first = first_seed()
        for n in range(ROUNDS):
            await _round(trial, owner, first + n)
    finally:
        async with owner.begin() as conn:
            await conn.exec_driver_sql("DROP TABLE IF EXISTS kept_calendar, kept_rates")
        await owner.dispose()
