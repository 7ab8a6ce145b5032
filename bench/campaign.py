"""A campaign of many districts on the whole stack: the last hours of the union window, and what districts do after it.

Business time is the rehearsal clock's; while it runs from one day to the next nothing is measured. Beside it in the
same run the database alone: as many policies by bare ``INSERT … SELECT`` into a table with the same indexes.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg

from bench import city, processes
from bench.campaign_report import Run, rows_of
from bench.city import FEDERATION, Size, Tokens
from bench.ground import TRACES, BenchError, Ground, database_url, seconds_since
from bench.http_line import HttpLine
from bench.results import Row
from unioncard.dates import SHANGHAI
from unioncard.principal import Role
from unioncard_cli.operators import until
from unioncard_cli.season.acts import SCHEME, YEAR, CentreDesk, DistrictDesk, Movement
from unioncard_cli.season.clock import StackClock
from unioncard_cli.season.load import measure as measure_load
from unioncard_cli.season.opening import load_rules, open_campaign
from unioncard_cli.season.shares import SHARES
from unioncard_cli.season.voucher import png
from unioncard_cli.stack import Stack

QUICK, USUAL, WHOLE = Size(4, 250, 100), Size(10, 300, 100), Size(100, 300, 100)
#: Unions that send their lists at the same moment, and people who look at lists meanwhile, so often each.
SENDERS, READERS, READ_EVERY_S = 16, 4, 0.2
#: Operators of districts at work side by side.
HANDS = 4
SPEED = 400_000.0
SETTLED_WITHIN_S = 900.0
LOOKS = 4

_CHOICE = {"way": SCHEME, "coverage_year": YEAR, "class_code": "A"}
_SEASON = {"scheme": SCHEME, "coverage_year": YEAR}
_COLUMNS = "member_id, enrolment_id, term, first_day, last_day, first_half, second_half"
_BARE = f"""
    INSERT INTO bare_policies ({_COLUMNS})
    SELECT m.id, m.union_id, 'full', DATE '2020-01-01', DATE '2020-12-31', 2020, 2020
    FROM members m JOIN cards c ON c.member_id = m.id AND c.state = 'issued' WHERE m.state = 'normal'
"""

_NOT_TOLD = """
    SELECT (SELECT count(*) FROM batches WHERE details_sent_at IS NULL) + (SELECT count(*) FROM outbox)
         + (SELECT count(*) FROM partner_calls)
"""


@dataclass(slots=True)
class Campaign:
    """One stack with a city on it, and everybody who acts there."""

    ground: Ground
    stack: Stack
    size: Size
    tokens: Tokens
    clock: StackClock
    run: Run = field(default_factory=Run)

    # -- before the window closes ------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """People, rules, the campaign opened by its schedule, fee splits; not timed, but told."""
        begun = time.perf_counter()
        await asyncio.to_thread(city.build, self.stack, self.size)
        self.ground.say(f"{self.size} after {seconds_since(begun):.0f} s")
        await asyncio.to_thread(load_rules, self.stack)
        await self.go("2019-10-25T00:10")
        federation = self.tokens.operator(self.stack, Role.FEDERATION, FEDERATION)
        await asyncio.to_thread(open_campaign, self.stack, federation)
        await self.by_district(lambda desk, _: desk.split(SHARES))
        # The window opens, and what that sets going must not be under way when the lists come.
        await self.go("2019-11-01T09:00")
        await self._rest()
        await self.go("2019-12-27T22:00")
        await self._rest()

    async def _rest(self) -> None:
        """Until nothing has been under way for some looks."""
        from workflows.client import connect  # here, as importing temporalio takes a second

        client, quiet, begun = await connect(self.stack.workflow_settings()), 0, time.perf_counter()
        while quiet < LOOKS:
            load = await measure_load(self.stack.place, client)
            quiet = 0 if load.outbox or load.lag or load.tasks else quiet + 1
            if seconds_since(begun) > SETTLED_WITHIN_S:
                raise BenchError(f"the stack does not come to rest: {load}")
            await asyncio.sleep(0.5)

    async def go(self, when: str) -> None:
        """Let business time pass."""
        await self.clock.advance_with(datetime.fromisoformat(when).replace(tzinfo=SHANGHAI), SPEED)

    async def burst(self) -> None:
        """Every union sends its list, while others look at lists."""
        unions = [
            (one, self.tokens.token(Role.UNION, one))
            for d in self.size.district_ids()
            for one in self.size.unions_of(d)
        ]
        random.Random(7).shuffle(unions)
        waiting, all_sent = iter(unions), asyncio.Event()
        used, begun = processes.cpu_seconds(self.stack), time.perf_counter()
        readers = [asyncio.create_task(self._look(number, all_sent)) for number in range(READERS)]
        await asyncio.gather(*(self._send(waiting) for _ in range(SENDERS)))
        self.run.sent_s = seconds_since(begun)
        all_sent.set()
        await asyncio.gather(*readers)
        self.run.cpu = processes.difference(used, processes.cpu_seconds(self.stack))
        self.run.late = await asyncio.to_thread(processes.private_mb, self.stack)
        self.ground.say(f"{len(unions):,} lists in {self.run.sent_s:.1f} s")

    async def _send(self, waiting: Iterator[tuple[int, str]]) -> None:
        line = await HttpLine.open(self.stack.place.url("insurance-svc"))
        for _, token in waiting:
            begun = time.perf_counter()
            answer = await line.post("/enrolments", token, _CHOICE)
            self.run.sent.append(seconds_since(begun))
            if (heads := answer.json()["heads"]) != self.size.members:
                raise BenchError(f"a list of {heads} instead of {self.size.members} members")
            if len(self.run.sent) == self.size.all_unions // 10:
                self.run.early = await asyncio.to_thread(processes.private_mb, self.stack)
        line.close()

    async def _look(self, number: int, all_sent: asyncio.Event) -> None:
        """Lists and totals of districts and of the federation, a page at a time."""
        line = await HttpLine.open(self.stack.place.url("insurance-svc"))
        districts = itertools.cycle(self.size.district_ids())
        for turn in itertools.count(number):
            begun, district = time.perf_counter(), next(districts)
            token = self.tokens.token(Role.DISTRICT, district)
            if turn % 3 == 0:
                answer = await line.get("/district-review/lists", token, **_SEASON)
            elif turn % 3 == 1:
                answer = await line.get("/enrolments", token, coverage_year=YEAR)
            else:
                answer = await line.get("/district-review/totals", token, **_SEASON)
            answer.json()
            self.run.read.append(seconds_since(begun))
            if all_sent.is_set():
                break
            await asyncio.sleep(max(0.0, READ_EVERY_S - seconds_since(begun)))
        line.close()

    # -- after it ----------------------------------------------------------------------------------------------

    async def districts_submit(self) -> None:
        """Each district records its unions' payments, takes all lists and submits; the centre passes its batch."""
        centre = self.centre()

        def review(desk: DistrictDesk, _: int) -> None:
            desk.record_payments(desk.lists(SCHEME), self.clock.today())
            desk.accept_all(SCHEME)

        def submit(desk: DistrictDesk, _: int) -> None:
            begun = time.perf_counter()
            batch = desk.submit(SCHEME)
            self.run.submissions.append(seconds_since(begun))
            if batch["heads"] != self.size.unions * self.size.members:
                raise BenchError(f"a batch of {batch['heads']} members")
            centre.pass_batch(batch["number"], "压测不核查")

        with self.run.timing("review"):
            await self.by_district(review)
        await self.look_at_totals()
        with self.run.timing("submission"):
            await self.by_district(submit)
        with self.run.timing("messages and mail"):
            await self._until_told()

    async def _until_told(self) -> None:
        """Until every district has its payment details by e-mail and no message is left."""
        url, begun = database_url(self.stack, "insurance"), time.perf_counter()
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            while (row := await (await conn.execute(_NOT_TOLD)).fetchone()) != (0,):
                if seconds_since(begun) > SETTLED_WITHIN_S:
                    raise BenchError(f"{row} districts or messages still wait")
                await asyncio.sleep(0.1)

    async def look_at_totals(self) -> None:
        """Each district's totals of all its lists, with nothing else at work."""
        line = await HttpLine.open(self.stack.place.url("insurance-svc"))
        for district in self.size.district_ids():
            token = self.tokens.token(Role.DISTRICT, district)
            begun = time.perf_counter()
            (await line.get("/district-review/totals", token, **_SEASON)).json()
            self.run.totals.append(seconds_since(begun))
        line.close()

    async def money_moves(self) -> None:
        """Vouchers, one statement with every transfer, and one write-off of all that is paid."""
        batches = {one["district_id"]: one for one in await asyncio.to_thread(self.centre().batches)}
        paid_on = date(2020, 1, 10)

        def upload(desk: DistrictDesk, district_id: int) -> None:
            desk.upload_voucher(batches[district_id]["number"], png(district_id))

        movements = [
            Movement(f"20200110-{id_:04d}", paid_on, one["due_fen"], f"示例第{id_}区", f"会员保障 {one['number']}")
            for id_, one in batches.items()
        ]
        with self.run.timing("vouchers"):
            await self.by_district(upload)
        with self.run.timing("statement and write-off"):
            outcomes = await asyncio.to_thread(self.centre().load_statement, date(2019, 12, 28), paid_on, movements)
            written_off = await asyncio.to_thread(self.centre().write_off_paid)
        if outcomes != {"exact": self.size.districts} or len(written_off) != self.size.districts:
            raise BenchError(f"the statement: {outcomes}, {len(written_off)} batches written off")

    # -- what came of it ---------------------------------------------------------------------------------------

    async def judge(self) -> None:
        """The campaign's end, the laws of the service, how every batch stands, and how long the histories are."""
        federation = self.tokens.operator(self.stack, Role.FEDERATION, FEDERATION)
        await asyncio.to_thread(
            until,
            "the campaign's end",
            lambda: federation.get("insurance", f"/campaigns/{SCHEME}/{YEAR}"),
            lambda seen: seen["state"] == "closed",
            SETTLED_WITHIN_S,
        )
        self.run.end = await asyncio.to_thread(processes.private_mb, self.stack)
        summary = await asyncio.to_thread(federation.get, "insurance", "/reconciliation/summary")
        self.run.broken = {
            name: value
            for name, value in summary.items()
            if name.endswith(("_astray", "_cover", "_balance_fen")) and value
        }
        if summary["policies_standing"] != self.size.all_members:
            self.run.broken["policies missing"] = self.size.all_members - summary["policies_standing"]
        states = {one["state"] for one in await asyncio.to_thread(self.centre().batches)}
        if states != {"written_off"}:
            raise BenchError(f"batches are {', '.join(sorted(states))}")
        self.run.longest = await _longest_history(self.stack)

    async def bare(self) -> None:
        """The database alone, in one statement and in one transaction a union."""
        url = database_url(self.stack, "insurance")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            await conn.execute("CREATE TABLE bare_policies (LIKE policies INCLUDING ALL)")
            begun = time.perf_counter()
            await conn.execute(f"{_BARE} ORDER BY m.id".encode())
            self.run.bare_s = seconds_since(begun)
            await conn.execute("TRUNCATE bare_policies")
        unions = iter([one for d in self.size.district_ids() for one in self.size.unions_of(d)])
        begun = time.perf_counter()
        await asyncio.gather(*(_insert_bare(url, unions) for _ in range(HANDS)))
        self.run.bare_by_union_s = seconds_since(begun)

    # -- in short ----------------------------------------------------------------------------------------------

    async def by_district(self, act: Callable[[DistrictDesk, int], Any]) -> None:
        """Every district's operator does it, some side by side."""
        loop = asyncio.get_running_loop()
        desks = [
            (DistrictDesk(self.tokens.operator(self.stack, Role.DISTRICT, one)), one)
            for one in self.size.district_ids()
        ]
        with ThreadPoolExecutor(HANDS) as hands:
            await asyncio.gather(*(loop.run_in_executor(hands, act, *each) for each in desks))

    def centre(self) -> CentreDesk:
        """Both people at the centre."""
        reviewer = self.tokens.operator(self.stack, Role.CENTRE_REVIEWER, FEDERATION)
        return CentreDesk(reviewer, self.tokens.operator(self.stack, Role.CENTRE_PAYER, FEDERATION))


async def measure(ground: Ground) -> list[Row]:
    """The campaign of the whole city with ``--full``, else of a tenth of it."""
    size = WHOLE if ground.whole else QUICK if ground.quick else USUAL
    with ground.fresh_stack(only=(), env=TRACES) as stack:
        clock = StackClock(stack)
        clock.start_on(date(2019, 10, 24))
        await asyncio.to_thread(stack.up)
        campaign = Campaign(ground, stack, size, Tokens.of(stack), clock)
        await _told(ground, "campaign open", campaign.prepare())
        await campaign.burst()
        await _told(ground, "window closed", campaign.go("2019-12-28T09:00"))
        await _told(ground, "all districts passed", campaign.districts_submit())
        await _told(ground, "January", campaign.go("2020-01-11T09:00"))
        await _told(ground, "all written off", campaign.money_moves())
        await _told(ground, "February", campaign.go("2020-02-01T09:00"))
        await campaign.judge()
        await _told(ground, "the database alone", campaign.bare())
    beside = f"{SENDERS} at a time, {READERS} people looking at lists {READ_EVERY_S} s apart"
    return rows_of(campaign.run, size, beside)


async def _told(ground: Ground, what: str, act: Awaitable[None]) -> None:
    begun = time.perf_counter()
    await act
    ground.say(f"{what}: {seconds_since(begun):.1f} s")


async def _insert_bare(url: str, unions: Iterator[int]) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        for union in unions:
            await conn.execute(f"{_BARE} AND m.union_id = %s".encode(), (union,), prepare=True)


async def _longest_history(stack: Stack) -> tuple[int, str]:
    from workflows.client import connect  # here, as importing temporalio takes a second

    client = await connect(stack.workflow_settings())
    return max([(one.history_length, one.id) async for one in client.list_workflows()])
