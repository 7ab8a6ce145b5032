"""``python -m bench [names…] [--quick] [--out FOLDER]``."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import batches, campaign, claims, commands, handler, imports, legacy, statements, up
from bench.ground import Ground
from bench.machine import ROOT, Machine, this_machine, watching_others
from bench.results import Findings, Row, markdown, show, write_json

BENCHES: dict[str, Callable[[Ground], Coroutine[Any, Any, list[Row]]]] = {
    "commands": commands.measure,
    "handler": handler.measure,
    "batches": batches.measure,
    "import": imports.measure,
    "legacy": legacy.measure,
    "campaign": campaign.measure,
    "claims": claims.measure,
    "statements": statements.measure,
    "up": up.measure,
}

# Where no terminal says how wide it is.
WIDTH = 140


def main() -> int:
    """Runs the benches asked for; the exit code is 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="bench", description="How fast the platform is on this machine.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and a tenth of the batches")
    parser.add_argument(
        "--full", action="store_true", help="the campaign of the whole city: 3,000,000 members; 10,000 claims"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results", help="folder for the JSON")
    parser.add_argument("--state", type=Path, help="folder for the stacks' state (default: the temporary folder)")
    parser.add_argument("--ports", type=int, help="lowest port of the stacks (default: free ones)")
    parser.add_argument("--markdown", type=Path, help="write the table as Markdown to this file too")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    # Processes start from compiled code, as they do for everybody who has started them once before.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = this_machine()
    ground = Ground(console, options.state, options.ports, options.quick, options.full)
    found = [_run(ground, name) for name in BENCHES if name in options.names or not options.names]
    show(console, found, machine)
    _write(options, found, machine, console)
    missed = any(one.broke or any(row.verdict == "MISS" for row in one.rows) for one in found)
    return int(missed)


def _run(ground: Ground, name: str) -> Findings:
    ground.console.rule(name, align="left")
    findings = Findings(name)
    begun = time.perf_counter()
    with watching_others() as others:
        try:
            findings.rows = asyncio.run(BENCHES[name](ground))
        except Exception as error:
            ground.console.print_exception()
            findings.broke = f"{type(error).__name__}: {error}"[:300]
    findings.seconds = round(time.perf_counter() - begun, 1)
    findings.load_before = round(others.load_before, 2)
    findings.cpu_of_others = round(others.share, 3)
    ground.say(f"{name}: {findings.seconds:.0f} s; others took {others.share:.0%} of the CPU meanwhile")
    return findings


def _write(options: argparse.Namespace, found: list[Findings], machine: Machine, console: Console) -> None:
    stamp = machine.at.replace(":", "").replace("-", "")[:15]
    path = options.out / f"{stamp}-{'quick' if options.quick else 'full'}.json"
    write_json(path, found, machine)
    console.print(f"written to {path}")
    if options.markdown:
        options.markdown.write_text(markdown(found))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # temporalio clients sometimes crash the interpreter at its exit, when all results are out.
    os._exit(code)
