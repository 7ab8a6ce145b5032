"""Unions full of members, made ready through the HTTP APIs as operators would."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.ground import Ground, seconds_since
from unioncard_cli import scenery
from unioncard_cli.roster import Person, Trait, make_roster
from unioncard_cli.scenery import District, Scenery
from unioncard_cli.stack import Stack
from unioncard_cli.story import CardStory

DISTRICTS = 4
#: Unions made ready side by side.
HANDS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """One union of the scenery, by its number from 0."""

    scene: Scenery
    number: int

    def story(self) -> CardStory:
        """Its operator, its superior, and the partners."""
        district = self.scene.districts[self.number % len(self.scene.districts)]
        union = self.scene.union(district, self.number // len(self.scene.districts) + 1)
        url = self.scene.stack.place.url("sandbox")
        return CardStory(union, self.scene.district(district), url, patience_s=600.0)


def build(stack: Stack, unions: int) -> list[Place]:
    """A federation with so many unions, their operators and the outlets."""
    each = -(-unions // DISTRICTS)
    districts = [District(f"80{n}", f"第{n}示例区总工会", unions=each) for n in range(1, DISTRICTS + 1)]
    scene = scenery.load(stack, districts)
    return [Place(scene, number) for number in range(unions)]


def roster(union: int, rows: int) -> list[Person]:
    """People of whom every one gets a card."""
    return make_roster(1_000 + union, [Trait.ORDINARY] * rows)


def make_ready(place: Place, members: int) -> CardStory:
    """Import, approval, to-do list and system check of one union: all that comes before a submission."""
    story = place.story()
    story.approve(story.upload(roster(place.number, members)))
    story.wait_for_members(members)
    story.add_all()
    story.check("normal")
    return story


@asynccontextmanager
async def ready(ground: Ground, places: Sequence[Place], members: int) -> AsyncIterator[list[CardStory]]:
    """All of them ready to submit, some side by side; not timed, but told."""
    begun = time.perf_counter()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(HANDS) as hands:
        made = [loop.run_in_executor(hands, make_ready, place, members) for place in places]
        for done, one in enumerate(asyncio.as_completed(made), start=1):
            await one
            if done % max(1, len(made) // 10) == 0:
                ground.say(f"{done} of {len(made)} unions ready after {seconds_since(begun):.0f} s")
        yield [await one for one in made]


def log_in(stories: Iterable[CardStory]) -> None:
    """Fresh tokens, so that no password is checked while the clock runs."""
    for story in stories:
        story.union.get("card", "/batches", limit=1)
