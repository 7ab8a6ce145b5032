"""One run of a season: the last hours, midnight and the money, everything around them failing, and the verdict."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.faults.duplicating import Duplicator
from tests.faults.killing import Steps, all_ready, kill_as_planned
from tests.faults.plan import WELL_BEHAVED, Kill
from tests.faults.run import VERDICT_PATIENCE_S, Journal, behave, beside
from tests.faults.season.books import Books, recorded_lists
from tests.faults.season.ground import SeasonGround
from tests.faults.season.money import Money
from tests.faults.season.plan import SeasonPlan
from tests.faults.season.proof import Lists
from tests.faults.season.rush import Rush
from unioncard_cli.audit.command import verdict


@dataclass(slots=True)
class Report:
    """How a run went. ``wrong`` is empty when every client was told the truth and all adds up."""

    seed: int
    kills: int = 0
    messages_twice: int = 0
    requests_twice: int = 0
    lists: dict[str, int] = field(default_factory=dict)
    batches: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The run in one line."""
        found = "what was told is what is recorded" if not self.wrong else f"{len(self.wrong)} DIFFERENCES"
        lists = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in sorted(self.lists.items()))
        return (
            f"season {self.seed}: {self.kills} kills, {self.messages_twice} messages and {self.requests_twice} "
            f"requests sent twice; lists: {lists}; {self.batches} batches, {self.seconds:.0f} s: {found}"
        )


async def run(ground: SeasonGround, plan: SeasonPlan) -> Report:
    """Carry out the plan on its ground."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that the broker goes away is what we are here for
    started = time.monotonic()
    journal, report = Journal(ground, plan.seed), Report(plan.seed, kills=plan.kills)
    journal.note(f"partners: {dict(plan.behaviour)}")
    stage = _Stage(ground, plan, journal)
    duplicator = Duplicator(ground.settings(), random.Random(f"duplicates {plan.seed}"), plan.messages_twice)
    await behave(ground, plan.behaviour)
    async with beside(duplicator.run()):
        await duplicator.reading.wait()
        await stage.play(report)
        await all_ready(ground.stack)
        journal.note("all ready")
        await behave(ground, WELL_BEHAVED)
    await duplicator.finish()
    await asyncio.to_thread(ground.clock.tell)
    if not report.wrong:
        report.wrong += await asyncio.to_thread(stage.audit, report)
    report.wrong += await asyncio.to_thread(stage.judge, report)
    report.messages_twice = duplicator.repeated
    report.seconds = time.monotonic() - started
    journal.note(report.line())
    for one in report.wrong:
        journal.note(one)
    return report


@dataclass(slots=True)
class _Stage:
    ground: SeasonGround
    plan: SeasonPlan
    journal: Journal
    rush: Rush = field(init=False)
    money: Money = field(init=False)
    _steps: Steps = field(default_factory=Steps)

    def __post_init__(self) -> None:
        unions = self.ground.union_desks(self.plan)
        self.rush = Rush(self.ground, unions, self._begin)
        self.money = Money(self.ground, self.plan, unions, self._begin, self.rush.sent)

    def _begin(self, what: str) -> None:
        self.journal.note(f"{self.ground.clock.now():%m-%d %H:%M:%S}Z {what}")
        self._steps.begin()

    async def play(self, report: Report) -> None:
        """The season in three acts; nobody comes too late because a process of an earlier act is not back yet."""
        acts: Sequence[tuple[str, Sequence[Kill], Callable[[], None]]] = (
            ("last hours", self.plan.rush_kills, self.rush.last_hours),
            ("midnight", (), self._midnight),
            ("after midnight", self.plan.later_kills, self.money.play),
        )
        for name, kills, act in acts:
            self._steps = Steps()
            killing = asyncio.create_task(kill_as_planned(self.ground.stack, kills, self._steps, self.journal.note))
            try:
                await asyncio.to_thread(act)
            except Exception as error:
                report.wrong.append(f"{name}: {type(error).__name__}: {error}")
            self._steps.finish()
            await killing
            await all_ready(self.ground.stack)
            if report.wrong:
                return

    def _midnight(self) -> None:
        self.rush.midnight(self.plan.strike)
        self.rush.too_late()

    def audit(self, report: Report) -> list[str]:
        """Of a season that came to its end: the audit, which waits until all has settled, and the books."""
        federation = self.ground.federation()
        facts, found = verdict(self.ground.stack, federation, VERDICT_PATIENCE_S)
        report.batches = len(facts.premium_batches)
        books = Books(self.money, federation, self.ground.sandbox, recorded_lists(federation))
        return [f"audit: {one.law}: {one.where}: {one.what}" for one in found] + books.differences()

    def judge(self, report: Report) -> list[str]:
        """However far the season came: what the unions were told of their lists."""
        recorded = recorded_lists(self.ground.federation())
        lists = Lists(self.rush.sent, self.ground.witnessed.attempts, recorded, self.rush.on_the_brink_s)
        report.lists, report.requests_twice = dict(lists.counts()), self._repeats()
        return lists.differences()

    def _repeats(self) -> int:
        """How many requests were sent again under their key."""
        keys = {one.key for one in self.ground.witnessed.attempts}
        return len(self.ground.witnessed.attempts) - len(keys)
