"""Statements a command takes: as many for 1,000 members as for 10."""

import asyncio
from collections import Counter

from bench import unions
from bench.ground import Ground
from bench.inside import Inside, inside
from bench.results import Row, Target
from card_svc.checks.rules import chunks_of
from unioncard.contracts.cards import CheckChunk, NoticeKind, NotifyBatch, SubmitBatch
from unioncard_cli.story import CardStory

FEW, MANY = 10, 1000
#: The bank's answer must not come while its receipt is still being written down.
_BEHAVIOUR = '{"bank": {"answer_delay_ms": 1500}}'

_BATCH_ANSWERED = "SELECT bool_and(issued + failed = members) FROM batches WHERE number = ANY(%s)"


async def measure(ground: Ground) -> list[Row]:
    """Value: statements for 1,000 members; baseline: for 10. Counted where SQLAlchemy sends them."""
    parts = ["member-migrate", "card-migrate", "sandbox"]
    with ground.fresh_stack(parts, env={"UNIONCARD_SANDBOX_BEHAVIOUR": _BEHAVIOUR}) as stack:
        places = await asyncio.to_thread(unions.build, stack, 3)
        async with inside(stack) as both:
            await both.carry()
            await _walk(both, places[0], FEW)  # first connections ask the server who it is
            few = await _walk(both, places[1], FEW)
            many = await _walk(both, places[2], MANY)
    ground.say(f"{sum(few.values())} statements for {FEW} members, {sum(many.values())} for {MANY:,}")
    limit = Target(1.0, at_least=False, of_ratio=True)
    note = f"statements for {MANY:,} members; baseline: for {FEW}"
    return [
        Row(cause, many[cause], "", baseline=few[cause], target=limit, note=note if not number else "")
        for number, cause in enumerate(many)
    ]


async def _walk(both: Inside, place: unions.Place, members: int) -> Counter[str]:
    """One union from the roster to the cards in hand, every step under its own name."""
    both.counts = Counter()
    story = place.story()
    people = unions.roster(place.number, members)
    with both.counting("import"):
        import_id = await asyncio.to_thread(story.upload, people)
    with both.counting("approval"):
        await asyncio.to_thread(story.approve, import_id)
    await both.carry(counted=True)
    with both.counting("to-do: add all"):
        await asyncio.to_thread(story.add_all)
    await _check(both, story)
    await _submit(both, story)
    return both.counts


async def _check(both: Inside, story: CardStory) -> None:
    with both.counting("check: request"):
        check = await asyncio.to_thread(story.union.post, "card", "/checks", {"channel": "normal"})
    await both.carry()
    for chunk in range(chunks_of(check["total"])):
        command = CheckChunk(check_id=check["id"], chunk=chunk)
        with both.counting("check: a chunk" if chunk == 0 else ""):
            await both.command(command, f"card-check/{check['id']}/{chunk}")


async def _submit(both: Inside, story: CardStory) -> None:
    with both.counting("batch: submit"):
        numbers = await asyncio.to_thread(story.submit, "normal")
    await both.carry()
    for number in numbers:
        with both.counting("batch: send to the bank"):
            await both.command(SubmitBatch(batch_number=number), f"card-batch/{number}/submit")
        with both.counting("batch: the bank's answer"):
            await both.until("the bank has answered", both.card, _BATCH_ANSWERED, numbers)
        await both.carry(counted=True)
        notice = NotifyBatch(batch_number=number, kind=NoticeKind.NUMBERS_GENERATED)
        with both.counting("batch: notice"):
            await both.command(notice, f"card-batch/{number}/notice/numbers_generated/1")
        with both.counting("batch: pickup"):
            await asyncio.to_thread(story.pick_up, number)
        await both.carry()
