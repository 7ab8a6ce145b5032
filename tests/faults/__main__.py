"""``python -m tests.faults --runs 20 --seed 7``: runs of seeds 7 to 26, one after the other, a line for each.

``--kind cards`` takes rosters to cards, ``--kind season`` plays the end of a campaign.
"""

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console

from tests.faults.ground import Ground
from tests.faults.plan import draw
from tests.faults.run import Report, run
from tests.faults.season import plan as season_plan
from tests.faults.season import run as season
from tests.faults.season.ground import SeasonGround

RUNS_A_STACK = 5
console = Console(highlight=False, soft_wrap=True)


def run_cards(seeds: Sequence[int]) -> Iterator[Report]:
    """A run for each seed; five share a stack, and after one that failed there is a fresh one."""
    left = list(seeds)
    while left:
        some = left[:RUNS_A_STACK]
        ground = Ground(len(some))
        failed = True
        try:
            _announce(ground)
            ground.prepare()
            for seed in some:
                report = asyncio.run(run(ground, draw(seed)))
                left.remove(seed)
                failed = bool(report.wrong)
                yield report
                if failed:
                    _explain(ground, "cards", report)
                    break
        finally:
            ground.close(keep=failed)


def run_seasons(seeds: Sequence[int]) -> Iterator[season.Report]:
    """A run for each seed, each on a stack of its own: business time goes only forward."""
    for seed in seeds:
        ground = SeasonGround()
        failed = True
        try:
            _announce(ground)
            ground.prepare()
            report = asyncio.run(season.run(ground, season_plan.draw(seed)))
            failed = bool(report.wrong)
            yield report
            if failed:
                _explain(ground, "season", report)
        finally:
            ground.close(keep=failed)


Reports = Iterator[Report] | Iterator[season.Report]
KINDS: Mapping[str, Callable[[Sequence[int]], Reports]] = {"cards": run_cards, "season": run_seasons}


def _announce(ground: Ground) -> None:
    console.print(f"[dim]stack in {ground.folder}, ports from {ground.stack.place.port_base}[/dim]")


def _explain(ground: Ground, kind: str, report: Report | season.Report) -> None:
    for wrong in report.wrong[:30]:
        console.print(f"    {wrong}", markup=False)
    console.print(f"    once more: make faults KIND={kind} RUNS=1 SEED={report.seed}")
    console.print(
        f"    what happened when: {ground.folder}/run-{report.seed}.log; the processes' logs: {ground.folder}/logs"
    )


def main() -> int:
    """All runs; the number of those that failed, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kind", choices=sorted(KINDS), default="cards", help="what is under fire (default: cards)")
    parser.add_argument("--runs", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--seed", type=int, help="the first seed; by chance if not given")
    asked = parser.parse_args()
    first = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    bad = []
    for report in KINDS[asked.kind](range(first, first + asked.runs)):
        console.print(report.line())
        if report.wrong:
            bad.append(report.seed)
    console.print(
        f"{asked.runs - len(bad)} of {asked.runs} runs without a difference" + (f"; not {bad}" if bad else "")
    )
    return 1 if bad else 0


if __name__ == "__main__":
    code = 1
    try:
        code = main()
    except KeyboardInterrupt:
        console.print("interrupted")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # temporalio clients sometimes crash the interpreter at its exit, when all is said
        os._exit(code)
