"""Members of the previous system: how fast ``unioncard load-legacy`` is, and how long the other services follow.

The command as its users have it, a process of its own with its workers, while every service that listens runs beside
it. Beside it in the same run the database alone: as many finished rows into a table with the same indexes.
"""

import asyncio
import csv
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg

from bench import processes
from bench.ground import TRACES, BenchError, Ground, database_url, seconds_since
from bench.results import Row, Target
from unioncard_cli.legacy import load_folder
from unioncard_cli.roster import check_character
from unioncard_cli.stack import Stack

MEMBERS, MEMBERS_QUICK = 400_000, 60_000
PER_UNION = 100
DISTRICTS = 4
PER_SECOND = 20_000
#: The copies are complete within so many times what the load itself took.
FOLLOWED_WITHIN = 2.0
LIMIT_S = 900.0
READERS = ("card", "insurance")

_ORGANISATION = "code,parent_code,level,kind,district_code,name,central_enterprise,credit_code,head_name,head_phone"
_MEMBER = (
    "number,union_code,name,document_type,document_number,sex,birth_date,address,mobile,education,household,grade,post"
)
_FIRST_BIRTHDAY, _BIRTHDAYS = date(1960, 1, 1), 15_000


@dataclass(slots=True)
class Run:
    """What one load showed."""

    loaded_s: float
    behind: dict[str, int]
    followed_s: dict[str, float]
    cpu: dict[str, float]
    bare_s: float = 0.0


async def measure(ground: Ground) -> list[Row]:
    """Rates over the whole command, its start included."""
    count = MEMBERS_QUICK if ground.quick else MEMBERS
    with ground.fresh_stack(["member-svc", "card-svc", "insurance-svc"], env=TRACES) as stack:
        folder = stack.place.state / "legacy"
        await asyncio.to_thread(_write, folder, count)
        await asyncio.to_thread(load_folder, stack, folder / "organisations", folder / "rejects")
        run = await _run(ground, stack, folder, count)
        run.bare_s = await _bare(stack)
    return _rows(run, count)


async def _run(ground: Ground, stack: Stack, folder: Path, count: int) -> Run:
    begun, used = time.perf_counter(), _cpu(stack)
    await asyncio.to_thread(load_folder, stack, folder / "members", folder / "rejects")
    loaded_s = seconds_since(begun)
    if (loaded := await _members(stack, "member")) != count:
        raise BenchError(f"{loaded:,} of {count:,} members were loaded; see {folder / 'rejects'}")
    behind = {name: count - await _members(stack, name) for name in READERS}
    ground.say(f"{count:,} members loaded in {loaded_s:.1f} s; still to follow: {behind}")
    followed_s: dict[str, float] = {}
    while len(followed_s) < len(READERS):
        for name in READERS:
            if name not in followed_s and await _members(stack, name) == count:
                followed_s[name] = seconds_since(begun)
        if seconds_since(begun) > LIMIT_S:
            raise BenchError(f"not every copy is complete after {LIMIT_S:g} s")
        await asyncio.sleep(0.2)
    return Run(loaded_s, behind, followed_s, processes.difference(used, _cpu(stack)))


def _cpu(stack: Stack) -> dict[str, float]:
    """By part. The command's processes have ended by then, and what ended counts as its parent's children."""
    times = os.times()
    ended = times.children_user + times.children_system
    return {name: used for name, used in processes.cpu_seconds(stack).items() if name != "bench"} | {
        "load-legacy": ended
    }


async def _members(stack: Stack, noun: str) -> int:
    async with await psycopg.AsyncConnection.connect(database_url(stack, noun), autocommit=True) as conn:
        row = await (await conn.execute("SELECT count(*) FROM members")).fetchone()
    assert row is not None  # an aggregate
    return int(row[0])


async def _bare(stack: Stack) -> float:
    """How long the database alone takes for the finished rows: one statement, the same indexes, nothing told."""
    async with await psycopg.AsyncConnection.connect(database_url(stack, "member"), autocommit=True) as conn:
        await conn.execute("CREATE TABLE bare_members (LIKE members INCLUDING ALL)")
        begun = time.perf_counter()
        await conn.execute("INSERT INTO bare_members OVERRIDING SYSTEM VALUE SELECT * FROM members")
        return seconds_since(begun)


def _rows(run: Run, count: int) -> list[Row]:
    followed = max(run.followed_s.values())
    by_service = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in run.followed_s.items())
    by_part = ", ".join(f"{name} {seconds / count * 1e6:.0f}" for name, seconds in run.cpu.items() if seconds > 0.5)
    return [
        Row(
            "members loaded by load-legacy; baseline: one bare INSERT … SELECT of the finished rows",
            count / run.loaded_s,
            "/s",
            baseline=count / run.bare_s,
            target=Target(PER_SECOND),
            note=f"{count:,} members in {run.loaded_s:.1f} s, other services following meanwhile",
        ),
        Row(
            "until every copy is complete; baseline: the load alone",
            followed,
            "s",
            baseline=run.loaded_s,
            target=Target(FOLLOWED_WITHIN, at_least=False, of_ratio=True),
            note=f"{by_service}, both from the command's start",
        ),
        Row("CPU for a member, all processes", sum(run.cpu.values()) / count * 1e6, "µs", note=by_part),
    ]


def _write(folder: Path, count: int) -> None:
    """``organisations/organisations.csv`` and ``members/members.csv`` with people who do not exist."""
    unions = [
        (district, number) for district in range(DISTRICTS) for number in range(-(-count // (PER_UNION * DISTRICTS)))
    ]
    for name, header, lines in (
        ("organisations", _ORGANISATION, _organisations(unions)),
        ("members", _MEMBER, _people(unions, count)),
    ):
        (folder / name).mkdir(parents=True)
        with open(folder / name / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            file.write(f"{header}\n")
            csv.writer(file, lineterminator="\n").writerows(lines)


def _organisations(unions: list[tuple[int, int]]) -> Iterator[tuple[str, ...]]:
    rest = ("0", "", "", "")
    yield ("SH", "", "federation", "", "", "示例市总工会", *rest)
    for district in range(DISTRICTS):
        yield (f"D{district}", "SH", "district", "district", f"80{district}", f"第{district + 1}示例区总工会", *rest)
    for district, number in unions:
        yield (_code(district, number), f"D{district}", "union", "", "", f"第{number + 1}示例单位工会", *rest)


def _code(district: int, number: int) -> str:
    return f"U{district}-{number:05d}"


def _people(unions: list[tuple[int, int]], count: int) -> Iterator[tuple[str, ...]]:
    for serial in range(count):
        district, number = unions[serial // PER_UNION]
        born = _FIRST_BIRTHDAY + timedelta(days=serial % _BIRTHDAYS)
        sequence = serial // _BIRTHDAYS % 999 + 1
        seventeen = f"310101{born:%Y%m%d}{sequence:03d}"
        yield (
            f"80{district}{serial:07d}",
            _code(district, number),
            "王示例" if serial % 3 else "李样本",
            "居民身份证",
            seventeen + check_character(seventeen),
            "男" if sequence % 2 else "女",
            born.isoformat(),
            f"上海市示例路{serial % 999 + 1}号",
            f"139{serial % 100_000_000:08d}",
            "本科",
            "非农业",
            "无",
            "工会会员",
        )
