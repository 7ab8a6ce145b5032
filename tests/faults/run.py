"""One run: unions at work, everything around them failing, and the verdict afterwards."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults import proof
from tests.faults.duplicating import Duplicator
from tests.faults.errand import Errand
from tests.faults.ground import Ground
from tests.faults.killing import Steps, all_ready, kill_as_planned
from tests.faults.night import Night
from tests.faults.people import HastyOperator
from tests.faults.plan import WELL_BEHAVED, Plan
from unioncard_cli.audit.command import verdict
from unioncard_cli.audit.facts import Facts
from unioncard_cli.operators import patiently
from unioncard_cli.roster import make_roster
from unioncard_cli.story import CardStory

STEP_PATIENCE_S = 150.0
VERDICT_PATIENCE_S = 120.0


@dataclass(slots=True)
class Report:
    """How a run went. ``wrong`` is empty when nothing was lost and nothing counted twice."""

    seed: int
    kills: int = 0
    messages_twice: int = 0
    requests_twice: int = 0
    set_aside: int = 0
    cards: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The run in one line."""
        found = "nothing lost, nothing twice" if not self.wrong else f"{len(self.wrong)} DIFFERENCES"
        return (
            f"seed {self.seed}: {self.kills} kills, {self.messages_twice} messages and {self.requests_twice} requests "
            f"sent twice, {self.cards} cards, {self.set_aside} answers set aside, {self.seconds:.0f} s: {found}"
        )


class Journal:
    """What happened when, for whoever must understand a run; kept in the stack's folder."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self._path = ground.folder / f"run-{seed}.log"
        self._started = time.monotonic()

    def note(self, what: str) -> None:
        """One line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {time.monotonic() - self._started:6.1f} {what}\n")


async def run(ground: Ground, plan: Plan) -> Report:
    """Carry out the plan in a district of its own."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker goes away is what we are here for
    started = time.monotonic()
    journal, steps, report = Journal(ground, plan.seed), Steps(), Report(plan.seed, kills=len(plan.kills))
    journal.note(f"partners: {dict(plan.behaviour)}")

    def begin(what: str) -> None:
        journal.note(what)
        steps.begin()

    errands = errands_of(ground, plan, begin)
    night = Night(ground.settings())
    duplicator = Duplicator(ground.settings(), random.Random(f"duplicates {plan.seed}"), plan.messages_twice)
    await behave(ground, plan.behaviour)
    async with beside(duplicator.run()):
        await duplicator.reading.wait()
        async with beside(night.run()):
            killing = asyncio.create_task(kill_as_planned(ground.stack, plan.kills, steps, journal.note))
            report.wrong += await _work(errands, journal)
            steps.finish()
            await killing
        await all_ready(ground.stack)
        journal.note("all ready")
        await behave(ground, WELL_BEHAVED)
    await duplicator.finish()
    await night.fall()
    if not report.wrong:
        await _judge(ground, errands, report)
    report.messages_twice = duplicator.repeated
    report.requests_twice = sum(who.impatience.repeats for errand in errands for who in (errand.union, errand.superior))
    report.seconds = time.monotonic() - started
    journal.note(report.line())
    for one in report.wrong:
        journal.note(one)
    return report


def errands_of(ground: Ground, plan: Plan, begin: Callable[[str], None]) -> list[Errand]:
    """The unions of the plan, in a district of their own. ``begin`` is told of every step."""
    place, district = ground.next_district()
    errands = []
    for number, traits in enumerate(plan.rosters, start=1):
        union, superior = (
            HastyOperator(
                *ground.account(login),
                rng=random.Random(f"{login} {number} {plan.seed}"),
                rate=plan.requests_twice,
                patience_s=STEP_PATIENCE_S,
            )
            for login in (district.union_login(number), district.login)
        )
        # The people differ from run to run of one stack; how many of what kind is the plan's.
        people = make_roster(1 + place * ground.unions + number, traits)
        story = CardStory(union, superior, ground.sandbox, STEP_PATIENCE_S)
        errands.append(Errand(story, union, superior, people, begin))
    return errands


async def _work(errands: Sequence[Errand], journal: Journal) -> list[str]:
    """Let all of them work at once; what went wrong."""
    results = await asyncio.gather(*(asyncio.to_thread(errand.run) for errand in errands), return_exceptions=True)
    wrong = []
    for errand, result in zip(errands, results, strict=True):
        if isinstance(result, BaseException):
            wrong.append(f"{errand.union.login}, {errand.doing}: {type(result).__name__}: {result}")
    journal.note(f"errands ended, {len(wrong)} of them badly")
    return wrong


async def _judge(ground: Ground, errands: Sequence[Errand], report: Report) -> None:
    """The audit first: it waits until all has settled, and only then can members' logs be complete."""
    deadline = time.monotonic() + VERDICT_PATIENCE_S
    while True:
        facts, found = await asyncio.to_thread(verdict, ground.stack, ground.federation(), VERDICT_PATIENCE_S)
        # A fetch that failed may be waiting for its next try, which is no difference.
        if found or not _fetching(facts) or time.monotonic() > deadline:
            break
        await asyncio.sleep(1.0)
    report.cards, report.set_aside = facts.cards_with_number, facts.set_aside
    report.wrong += [f"audit: {one.law}: {one.where}: {one.what}" for one in found]
    report.wrong += await asyncio.to_thread(proof.differences, errands, ground.federation(), ground.sandbox, facts)


def _fetching(facts: Facts) -> bool:
    return any(id_.startswith("bank-state") and one.status == "Running" for id_, one in facts.workflows.items())


async def behave(ground: Ground, behaviour: Any) -> None:
    url = f"{ground.sandbox}/control/behaviour"
    await asyncio.to_thread(patiently, lambda: httpx.put(url, json=behaviour, timeout=30), 60)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something that goes on for as long as the block; that it broke is told at the block's end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
