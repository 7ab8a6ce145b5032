"""Whatever unions, reviewers and the bank do in whatever order, and wherever a process dies: each approved benefit is
paid exactly once, and what is paid, awaited, refused or given up is what was asked for.

``make walks`` goes ways nobody has walked yet: ``UNIONCARD_MACHINE_ROUNDS`` of ten walks of ``UNIONCARD_MACHINE_STEPS``
each, and ``UNIONCARD_MACHINE_SEED`` says where they begin.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, run_state_machine_as_test

from claims_svc.metadata import METADATA
from claims_svc.papers.rules import PaperKind
from claims_svc.payouts.answers import file_answers
from claims_svc.payouts.gathering import gather
from claims_svc.payouts.models import PayoutAnswer
from claims_svc_testing import Trial, member
from claims_svc_testing.filing import disability, illness, policy, stay
from claims_svc_testing.money_model import Claim, Money, Payout
from claims_svc_testing.payouts import broken, deliver, tell_payees
from claims_svc_testing.payouts import gather as gather_day
from claims_svc_testing.review import hand_over
from unioncard.auth import Role
from unioncard.contracts.claims import LapseClaim
from unioncard.contracts.payees import Unpayable
from unioncard.database import engine_for
from unioncard.dates import shanghai_date
from unioncard.unit_of_work import Transaction
from unioncard_testing.walking import ServiceWalk, action, first_seed

ROUNDS = int(os.environ.get("UNIONCARD_MACHINE_ROUNDS", "1"))
STEPS = int(os.environ.get("UNIONCARD_MACHINE_STEPS", "30"))

MEMBERS, REVIEWERS = (1, 2, 3), (71, 72, 73)
START = datetime.fromisoformat("2020-11-02T10:00:00+08:00")
LATEST = datetime.fromisoformat("2021-05-01T00:00:00+08:00")
KEPT = frozenset({"organisations", "illnesses", "illness_catalogues", "members", "member_unions"})
MOSTLY: st.SearchStrategy[bool] = st.sampled_from([True, True, True, False])
SELDOM: st.SearchStrategy[bool] = st.sampled_from([False, False, False, True])

# Whoever puts a payout right has asked the bank, which contradicts itself at times.
NEW_CARD = {"payee": "own_card", "note": "已换领新卡", "bank_denies_arrival": True}

# All papers but one, and the stamp; what is brought last comes through the door.
BROUGHT = """
    INSERT INTO papers (claim_number, kind, object_key, media_type, bytes, sha256, uploaded_by)
    SELECT :number, kind, 'none', 'image/png', 1, kind, 1 FROM unnest(CAST(:kinds AS text[])) AS kind
"""
STAMPED = """
    INSERT INTO stamps (claim_number, paper, level, organisation_id, stamped_by, stamped_at)
    VALUES (:number, 'application_form', 'union', 1, 1, now())
"""
WHAT_IS = """
    SELECT concat_ws(' ', number, state, standing, claimed_fen, approved_fen, refused_fen, appeals,
        (SELECT coalesce(-sum(amount_fen), 0) FROM ledger l WHERE l.claim_number = c.number AND account = 'cash'))
    FROM claims c
    UNION ALL SELECT concat_ws(' ', number, state, amount_fen) FROM payouts
    UNION ALL SELECT concat_ws(' ', 'night', member_id, day) FROM claim_days WHERE standing
"""


class Torn(Exception):
    """The process dies before it commits."""


class Walk(ServiceWalk):
    """After every step all that the service holds is what it must be."""

    trial: ClassVar[Trial]
    owner: ClassVar[Any]
    money: Money

    @initialize()
    def begin(self) -> None:
        """Nobody has claimed anything."""
        self.requests, self.heard = 0, 0
        self.money = Money(START)
        self.trial.clock.at = START
        self.in_loop(self._empty())

    async def _empty(self) -> None:
        names = ", ".join(f'"{name}"' for name in METADATA.tables if name not in KEPT)
        async with self.owner.begin() as conn:
            await conn.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")

    def post(self, path: str, body: Any, *, expected: bool, **more: Any) -> Any:
        """The answer to a request that must, or must not, succeed; every third comes twice."""
        self.requests += 1
        key = f"walk-{self.requests:06d}"
        answer = self.in_loop(self.trial.call("POST", path, body, key=key, **more))
        assert answer.is_success == expected, (path, body, self.money.now, answer.status_code, answer.text)
        if expected and self.requests % 3 == 0:
            again = self.in_loop(self.trial.call("POST", path, body, key=key, **more))
            assert again.json() == answer.json()
        return answer.json()

    def tear(self, act: Callable[[Transaction], Awaitable[object]]) -> None:
        """Do it, and die before the commit: nothing has happened."""

        async def torn() -> None:
            with contextlib.suppress(Torn):
                async with self.trial.context.work.begin("message:torn") as tx:
                    await act(tx)
                    await tx.flush()
                    raise Torn

        self.in_loop(torn())

    def some(self, data: st.DataObject, *states: str) -> Claim:
        """A claim, one in these states rather than another."""
        fitting = sorted(one.number for one in self.money.claims.values() if one.state in states)
        one_fitting = data.draw(MOSTLY)
        numbers = fitting if fitting and one_fitting else sorted(self.money.claims)
        return self.money.claims[data.draw(st.sampled_from(numbers))]

    # -- time

    @action(times=2, days=st.sampled_from([1, 1, 20, 61]))
    def wait(self, days: int) -> None:
        """Days go by."""
        if self.money.now + timedelta(days=days) < LATEST:
            self.money.now += timedelta(days=days)
            self.trial.clock.at = self.money.now

    # -- the union

    @action(
        times=3,
        one=st.sampled_from(MEMBERS),
        code=st.sampled_from(["malignant_tumour", "benign_brain_tumour"]),
        first=MOSTLY,
    )
    def file_illness(self, one: int, code: str, first: bool) -> None:
        """20,000 yuan, of which one reviewer decides; where it is no first diagnosis the rules refuse it."""
        body = illness(one, illness_code=code, first_diagnosis=first)
        self.file(body, f"illness:{code}", frozenset(), 2_000_000, first)

    @action(one=st.sampled_from(MEMBERS), day=st.sampled_from(["2020-03-02", "2020-05-01"]))
    def file_disability(self, one: int, day: str) -> None:
        """30,000 yuan, which take four eyes."""
        self.file(disability(one, event_day=day), f"accident:{day}", frozenset(), 3_000_000, True)

    @action(
        times=3,
        one=st.sampled_from(MEMBERS),
        start=st.sampled_from(["2020-02-01", "2020-03-01", "2020-07-01"]),
        nights=st.sampled_from([1, 40, 110]),
    )
    def file_stay(self, one: int, start: str, nights: int) -> None:
        """Nights that touch others, and more than the year's maximum."""
        first = date.fromisoformat(start)
        asked = frozenset(first + timedelta(days=n) for n in range(nights))
        body = stay(one, start, (first + timedelta(days=nights)).isoformat())
        self.file(body, None, asked, 0, True)

    def file(self, body: dict[str, Any], event: str | None, nights: frozenset[date], fen: int, fits: bool) -> None:
        """File, cover and complete."""
        one = body["member_id"]
        expected = self.money.may_file(one, event)
        answer = self.post("/claims", body, expected=expected)
        if expected:
            claim = self.money.file(answer["number"], one, event, nights, fen, fits)
            self.in_loop(self._complete(claim))

    async def _complete(self, claim: Claim) -> None:
        await self.trial.assess(claim.number, policy(policy_id=claim.member))
        if claim.state == "adjudicating":
            kinds = [one["kind"] for one in (await self.trial.needs(claim.number))["papers"]]
            kinds.remove(PaperKind.IDENTITY)
            await self.trial.run(BROUGHT, number=claim.number, kinds=kinds)
            await self.trial.run(STAMPED, number=claim.number)
            assert (await self.trial.upload(claim.number, PaperKind.IDENTITY)).is_success

    @action(when=lambda self: self.money.claims)
    def withdraw(self, data: st.DataObject) -> None:
        """Before anything was decided."""
        claim = self.some(data, "adjudicating")
        expected = claim.state == "adjudicating" and claim.round == 0
        self.post(f"/claims/{claim.number}/withdrawal", {"reason": "重复申请"}, expected=expected)
        if expected:
            claim.state, claim.standing = "withdrawn", False

    @action(times=3, when=lambda self: self.money.claims)
    def appeal(self, data: st.DataObject) -> None:
        """Against a refusal, or against what was paid less."""
        claim = self.some(data, "refused", "paid")
        expected = self.money.may_appeal(claim)
        self.post(f"/claims/{claim.number}/appeals", {"reason": "补充了病史资料"}, expected=expected)
        if expected:
            self.money.appeal(claim)

    @action(when=lambda self: self.money.claims)
    def close(self, data: st.DataObject) -> None:
        """The workflow's clock rings, rightly or not."""
        claim = self.some(data, "refused", "paid")
        self.requests += 1
        self.in_loop(self.trial.command(LapseClaim(claim_number=claim.number), f"walk-{self.requests:06d}"))
        over = claim.appeal_until is not None and self.money.now >= claim.appeal_until
        if claim.state in ("refused", "paid") and over:
            claim.state = "closed"

    # -- the centre

    @action(
        times=8,
        when=lambda self: self.money.claims,
        account=st.sampled_from(REVIEWERS),
        how=st.sampled_from(["all", "all", "less", "nothing"]),
    )
    def decide(self, data: st.DataObject, account: int, how: str) -> None:
        """Grant all, of a stay a few nights less, or nothing."""
        claim = self.some(data, "adjudicating")
        less = max(0, claim.most - 2 * 6000) if how == "less" else claim.most
        fen = 0 if how == "nothing" else less
        allowed = fen == 0 or how == "all" or (bool(claim.nights) and fen >= claim.approved)
        possible = how == "nothing" or (fen > 0 and allowed)
        body: dict[str, Any] = {"approve": how != "nothing"}
        if how != "all":
            body |= {"reasons": ["days-not-proven" if claim.nights else "event-not-proven"]}
        if how == "less":
            body |= {"amounts": [{"policy_id": claim.member, "approved_fen": fen}]}
        expected = claim.state == "adjudicating" and self.money.may_take(claim, account) and possible
        path = f"/claims/{claim.number}/decision"
        self.post(path, body, expected=expected, role=Role.CENTRE_REVIEWER, account=account)
        if expected and self.money.needs_second(claim, fen):
            claim.state, claim.proposed = "confirming", (account, fen)
        elif expected:
            self.money.decide(claim, fen, frozenset({account}))

    @action(
        times=4,
        when=lambda self: any(one.proposed for one in self.money.claims.values()),
        account=st.sampled_from(REVIEWERS),
        confirmed=MOSTLY,
    )
    def confirm(self, data: st.DataObject, account: int, confirmed: bool) -> None:
        """The second pair of eyes."""
        claim = self.some(data, "confirming")
        first, fen = claim.proposed or (0, 0)
        expected = claim.proposed is not None and account != first and self.money.may_take(claim, account)
        path, body = f"/claims/{claim.number}/confirmation", {"confirmed": confirmed, "note": "已核对"}
        self.post(path, body, expected=expected, role=Role.CENTRE_REVIEWER, account=account)
        if expected and confirmed:
            self.money.decide(claim, fen, frozenset({first, account}))
        elif expected:
            claim.state, claim.proposed = "adjudicating", None

    # -- the money

    @action(times=6, unreachable=st.sampled_from([0, 0, 0, *MEMBERS]), dies=SELDOM)
    def send(self, unreachable: int, dies: bool) -> None:
        """All that is owed goes to the bank; a member's card may be out of reach."""
        ready = sorted(one.number for one in self.money.claims.values() if one.state == "to_pay")
        if dies:
            self.tear(lambda tx: gather(tx, shanghai_date(tx.now)))
        assert self.in_loop(gather_day(self.trial))["payouts"] == len(ready)
        self.in_loop(self._submit(unreachable))
        found = "SELECT number || ' ' || batch_number || ' ' || claim_number FROM payouts ORDER BY number"
        rows = [row.split() for row in self.in_loop(self.trial.column(found))]
        new = [row for row in rows if row[0] not in self.money.payouts]
        assert sorted(row[2] for row in new) == ready
        for number, batch, one in new:
            claim = self.money.claims[one]
            self.money.send(number, batch, claim, reachable=claim.member != unreachable)

    async def _submit(self, unreachable: int) -> None:
        gathered = "SELECT number FROM payout_batches WHERE state = 'gathered' ORDER BY number"
        for batch in await self.trial.column(gathered):
            reasons = {unreachable: Unpayable.NOT_ACTIVATED} if unreachable else {}
            await tell_payees(self.trial, MEMBERS, batch=batch, unpayable=reasons)
            await hand_over(self.trial, batch)

    @action(
        times=8,
        when=lambda self: self.money.payouts,
        status=st.sampled_from(["paid", "paid", "returned"]),
        old=SELDOM,
        dies=SELDOM,
        twice=st.booleans(),
        wrong=st.sampled_from([0, 0, 0, 0, 0, 1]),
    )
    def hear(self, data: st.DataObject, status: str, old: bool, dies: bool, twice: bool, wrong: int) -> None:
        """The bank answers: late, twice, against what it said, of another amount."""
        waiting = sorted(one.number for one in self.money.payouts.values() if one.state == "waiting")
        one_waiting = data.draw(MOSTLY)
        numbers = waiting if waiting and one_waiting else sorted(self.money.payouts)
        payout = self.money.payouts[data.draw(st.sampled_from(numbers))]
        self.heard += 1
        at = datetime(2020, 11, 3, tzinfo=UTC) + timedelta(minutes=-self.heard if old else self.heard)
        said = self.said(payout, status, at, wrong)
        if dies:
            answer = PayoutAnswer.model_validate(said)
            self.tear(lambda tx: file_answers(tx, [answer]))
        verdict = "aside" if wrong else self.money.hear(payout, status, at)
        counts = {"news": (1, 0, 0), "repeat": (0, 1, 0), "aside": (0, 0, 1)}
        assert self.in_loop(deliver(self.trial, said)) == counts[verdict]
        if twice:
            assert self.in_loop(deliver(self.trial, said)) == (0, 1, 0)

    def said(self, payout: Payout, status: str, at: datetime, wrong: int) -> dict[str, Any]:
        """An answer about one payout."""
        result = {"payout_number": payout.number, "amount_fen": payout.fen + wrong, "status": status}
        told = {"answer_id": f"answer-{self.heard}", "batch_number": payout.batch, "answered_at": at.isoformat()}
        return told | {"results": [result]}

    @action(times=3, when=lambda self: self.money.payouts)
    def put_right(self, data: st.DataObject) -> None:
        """The member has a card again; after two returns it stays with staff."""
        claim = self.some(data, "returned")
        expected = claim.state == "returned" and self.money.returns(claim) < 2
        self.post(f"/claims/{claim.number}/payout-correction", NEW_CARD, expected=expected, role=Role.CENTRE_PAYER)
        if expected:
            claim.state = "to_pay"

    # -- what must hold

    @invariant()
    def nothing_is_astray(self) -> None:
        """Claims, payouts, nights and the books are what the model says, and nothing else."""
        if not hasattr(self, "money"):
            return
        found = sorted(self.in_loop(self.trial.column(WHAT_IS)))
        expected = sorted(self.expected())
        assert found == expected, (set(found) - set(expected), set(expected) - set(found))

    def expected(self) -> list[str]:
        """What WHAT_IS must find."""
        lines = []
        for one in self.money.claims.values():
            money = (one.claimed, one.approved, one.refused, one.round, self.money.out(one, "paid"))
            lines.append(" ".join(map(str, (one.number, one.state, "t" if one.standing else "f", *money))))
            if one.standing:
                lines += [f"night {one.member} {day}" for day in one.counted]
        lines += [f"{one.number} {one.state} {one.fen}" for one in self.money.payouts.values()]
        return lines

    def teardown(self) -> None:
        """In the end all that can be paid is paid: what is approved once and exactly, and no event or night twice."""
        if not hasattr(self, "money"):
            return
        for _ in range(4):
            for claim in self.money.claims.values():
                if claim.state == "returned" and self.money.returns(claim) < 2:
                    path = f"/claims/{claim.number}/payout-correction"
                    self.post(path, NEW_CARD, expected=True, role=Role.CENTRE_PAYER)
                    claim.state = "to_pay"
            self.send(0, False)
            for payout in [one for one in self.money.payouts.values() if one.state == "waiting"]:
                self.heard += 1
                at = datetime(2020, 11, 4, tzinfo=UTC) + timedelta(minutes=self.heard)
                said = self.said(payout, "paid", at, 0)
                assert self.money.hear(payout, "paid", at) == "news"
                assert self.in_loop(deliver(self.trial, said)) == (1, 0, 0)
        self.nothing_is_astray()
        self.everything_is_paid_once()
        assert self.in_loop(broken(self.trial)) == {}

    def everything_is_paid_once(self) -> None:
        """By the bank's own count."""
        events: list[tuple[int, object]] = []
        for claim in self.money.claims.values():
            arrived = self.money.out(claim, "paid")
            if claim.state in ("paid", "closed"):
                assert arrived == claim.approved
            if arrived:
                things = claim.counted or {claim.event}
                events += [(claim.member, one) for one in things]
        assert len(events) == len(set(events))
        page = self.in_loop(self.trial.ok("GET", "/claims?limit=200", role=Role.FEDERATION))
        for row in (*page["items"], page["totals"]):
            parts = [row[name] for name in ("paid_fen", "pending_fen", "refused_fen", "given_up_fen")]
            assert (sum(parts), min(parts) >= 0) == (row["claimed_fen"], True), row


async def _round(trial: Trial, owner: Any, number: int) -> None:
    """Walks that have nothing to do with each other: after ten Hypothesis would take to varying those it had."""
    walk = type("AWalk", (Walk,), {"trial": trial, "owner": owner, "loop": asyncio.get_running_loop()})
    length = settings(
        max_examples=10,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # to shrink thirty steps takes longer than to read them
    )
    try:
        await asyncio.to_thread(run_state_machine_as_test, seed(number)(walk), settings=length)
    except BaseException as error:
        error.add_note(f"UNIONCARD_MACHINE_SEED={number} walks here again")
        raise


@pytest.mark.timeout(600)
async def test_whatever_happens(trial: Trial) -> None:
    await trial.load_catalogue()
    await trial.tell_members(*(member(one) for one in MEMBERS))
    owner = engine_for(trial.context.database.owner_url)
    first = first_seed()
    try:
        for n in range(ROUNDS):
            await _round(trial, owner, first + n)
    finally:
        await owner.dispose()
