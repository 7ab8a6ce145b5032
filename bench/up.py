"""How long a cold ``up`` takes when everything is fetched: fresh state folder, warm cache."""

import time

from bench.ground import Ground, seconds_since
from bench.results import Row, Target, median
from unioncard_cli import jars, kafka
from unioncard_cli.records import Record
from unioncard_cli.stack import Audience, Stack

ROUNDS = 5
LIMIT_S = 20.0


class _Watch(Audience):
    """Notes when each part was first seen ready."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.ready: dict[str, float] = {}

    def looked(self, parts: list[Record]) -> None:
        for part in parts:
            if part.state in ("ready", "done"):
                self.ready.setdefault(part.name, seconds_since(self.begun))


async def measure(ground: Ground) -> list[Row]:
    """Value: the median of the rounds; the worst one is a row too."""
    with ground.fresh_stack(only=()) as stack:
        _warm(stack)
    seconds = []
    for number in range(2 if ground.quick else ROUNDS):
        with ground.fresh_stack(only=()) as stack:
            watch = _Watch()
            stack.up(audience=watch)
            seconds.append(seconds_since(watch.begun))
        last = sorted(watch.ready.items(), key=lambda item: item[1])[-3:]
        ground.say(f"round {number + 1}: {seconds[-1]:.1f} s; last: {', '.join(f'{n} {s:.1f}' for n, s in last)}")
    note = f"{len(seconds)} rounds, fresh state, all files fetched"
    limit = Target(LIMIT_S, at_least=False)
    return [
        Row("cold up until all parts answer", median(seconds), "s", target=limit, samples=seconds, note=note),
        Row("cold up, worst round", max(seconds), "s", target=limit),
    ]


def _warm(stack: Stack) -> None:
    """What is fetched or made once does not count."""
    jars.fetch(stack.place.cache, lambda done, total: None)
    if kafka.archive_missing(stack.place.cache):
        kafka.make_archive(stack.place.cache)
