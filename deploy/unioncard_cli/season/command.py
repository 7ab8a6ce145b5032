"""``unioncard rehearse``: a season in minutes on a stack of its own, and a report about it."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unioncard.clock_segments import FASTEST
from unioncard_cli.audit.command import show, verdict
from unioncard_cli.season import report
from unioncard_cli.season.clock import StackClock
from unioncard_cli.season.dates import Dates, dates_of, shares_of
from unioncard_cli.season.journal import Journal
from unioncard_cli.season.opening import SEASONS, load_rules, wait_for_cards
from unioncard_cli.season.people import Cast, districts_of
from unioncard_cli.season.plan import Plan, draw
from unioncard_cli.season.population import populate
from unioncard_cli.season.rehearsal import Rehearsal
from unioncard_cli.season.report import Outcome
from unioncard_cli.stack import Stack, free_port_base

console = Console(highlight=False)
AUDIT_PATIENCE_S = 90.0


def rehearse(
    campaign: Annotated[int, typer.Option(help="the coverage year")] = 2020,
    speed: Annotated[
        float, typer.Option(min=3600, max=FASTEST, help="business seconds a second at most; slower under load")
    ] = 500_000.0,
    districts: Annotated[int, typer.Option(min=1, max=99, help="generated districts")] = 5,
    unions: Annotated[int, typer.Option(min=1, max=5000, help="generated unions, in all")] = 60,
    members: Annotated[int, typer.Option(min=1, max=1000, help="members of each union")] = 20,
    seed: Annotated[int, typer.Option(min=0, max=9_999, help="who behaves how; the same seed, the same season")] = 1,
    season: Annotated[Path, typer.Option(help="folder with calendars.csv, rates.csv and the others")] = SEASONS,
    out: Annotated[Path | None, typer.Option(help="where the report goes")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave the stack up, to look around")] = False,
) -> None:
    """Rehearse a season: generated unions behave as they do, on a real stack of its own, torn down at the end.

    Exit code 0: every deadline was judged by the calendar and the audit holds; 1: not so, and the report says where.
    """
    dates, shares = dates_of(season, campaign), shares_of(season, campaign)
    classes = sorted({code for code, _ in shares})
    plan = draw(seed, dates, classes, min(districts, unions), unions)
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    stack = Stack(folder, free_port_base(), tied=not keep)
    try:
        outcome = _carry_out(stack, plan, season, members, seed, speed)
    finally:
        if not keep:
            stack.down()
            shutil.rmtree(folder, ignore_errors=True)
    paths = report.write(outcome, out or Stack().place.state / "rehearsals" / f"{campaign}-{seed}")
    console.print()
    show(outcome.facts, list(outcome.differences))
    for one in outcome.misjudged:
        console.print(f"[red]{one.at} {one.who} {one.what}: {one.outcome}[/red]")
    console.print(f"演练用时 {outcome.seconds:.0f} 秒。报告：", *paths, sep="\n  ", soft_wrap=True)
    if keep:
        console.print(
            f"\nThe stack is up: UNIONCARD_STATE={folder} UNIONCARD_PORT_BASE={stack.place.port_base} "
            f"unioncard status; its Temporal UI: {stack.place.url('temporal-ui')}",
            soft_wrap=True,
        )
    if not outcome.sound:
        raise typer.Exit(1)


def _carry_out(stack: Stack, plan: Plan, season: Path, members: int, seed: int, speed: float) -> Outcome:
    clock = StackClock(stack)
    began = time.monotonic()
    journal = Journal(clock)
    cast = Cast(stack, clock, plan, journal, districts_of(plan))
    _prepare(stack, clock, cast, plan.dates, season)
    populate(stack, plan, cast.districts, members, seed)
    wait_for_cards(cast.federation())
    cast.log_in()
    people = len(plan.unions) * members
    console.print(f"{len(plan.unions)} 家工会的 {people} 名会员均已持卡（{time.monotonic() - began:.0f} 秒）\n")
    journal.start_over()
    with journal.sampling(stack.place):
        Rehearsal(cast, shares_of(season, plan.dates.year), speed, console.print).play()
        facts, differences = verdict(stack, cast.federation(), AUDIT_PATIENCE_S)
    return Outcome(
        plan=plan,
        journal=journal,
        names=[one.name for one in cast.districts],
        members=members,
        seed=seed,
        speed=speed,
        batches=cast.centre().batches(),
        facts=facts,
        differences=differences,
        seconds=time.monotonic() - began,
    )


def _prepare(stack: Stack, clock: StackClock, cast: Cast, dates: Dates, season: Path) -> None:
    clock.start_on(dates.eve)
    with console.status("启动演练环境 …"):
        stack.up()
    with console.status("载入组织、账号、费率与日历 …"):
        cast.enter()
        load_rules(stack, season)
    console.print(f"演练环境已就绪，业务日期 {clock.today()}，Temporal UI：{stack.place.url('temporal-ui')}")
