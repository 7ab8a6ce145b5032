"""A roster of 1,000 rows, from the upload to "waiting for approval"."""

import asyncio
import time

from bench import unions
from bench.ground import Ground, seconds_since
from bench.results import Row, Target, median
from unioncard_cli.roster import workbook

ROWS = 1000
LIMIT_S = 1.0
TIMES = 15


async def measure(ground: Ground) -> list[Row]:
    """Each upload is another union's, over HTTP; the first finds a service that has imported nothing yet."""
    times = 5 if ground.quick else TIMES
    with ground.fresh_stack(["member-svc", "card-svc", "sandbox"]) as stack:
        places = unions.build(stack, times)
        seconds = [await asyncio.to_thread(_upload, place) for place in places]
    ground.say(" ".join(f"{one:.2f}" for one in seconds) + " s")
    limit = Target(LIMIT_S, at_least=False)
    note = f"{ROWS:,} rows of 13 columns, {times} uploads"
    return [
        Row("upload to waiting for approval", median(seconds), "s", target=limit, samples=seconds, note=note),
        Row("worst of them", max(seconds), "s", target=limit),
    ]


def _upload(place: unions.Place) -> float:
    story = place.story()
    content = workbook(unions.roster(place.number, ROWS))
    story.union.get("member", "/imports", limit=1)  # the token
    begun = time.perf_counter()
    answer = story.union.upload("member", "/imports", "会员名册.xlsx", content)
    took = seconds_since(begun)
    assert answer["state"] == "waiting", answer
    return took
