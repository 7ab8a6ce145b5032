"""What a campaign showed, and the table that is made of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.city import Size
from bench.ground import seconds_since
from bench.results import Row, Target, percentile

PER_SECOND, P99_MS, TOTALS_MS, SUBMISSION_S = 100, 500, 200, 5
#: From the close of the window to definite cover: of the whole city's members, and of fewer in proportion.
CITY_S, CITY_MEMBERS = 240.0, 3_000_000
EVENTS = 2_000
#: What a process may hold more at the last list than at a tenth of them: a share, or so many MB if that is more.
GROWTH, GROWTH_MB = 0.10, 16.0


@dataclass(slots=True)
class Run:
    """What was seen. Times of requests in seconds."""

    sent: list[float] = field(default_factory=list)
    sent_s: float = 0.0
    read: list[float] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)
    submissions: list[float] = field(default_factory=list)
    after_close: dict[str, float] = field(default_factory=dict)
    early: dict[str, float] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    end: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    bare_s: float = 0.0
    bare_by_union_s: float = 0.0
    longest: tuple[int, str] = (0, "")
    broken: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Time that counts towards "after the close of the window"."""
        begun = time.perf_counter()
        yield
        self.after_close[what] = self.after_close.get(what, 0.0) + seconds_since(begun)


def rows_of(run: Run, size: Size, beside: str) -> list[Row]:
    """The table. ``size`` is of the city, ``beside`` what went on during the submissions."""
    limit_s = CITY_S * size.all_members / CITY_MEMBERS
    after_close = sum(run.after_close.values())
    steps = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in run.after_close.items())
    by_part = ", ".join(f"{name} {used / len(run.sent) * 1000:.1f}" for name, used in run.cpu.items() if used > 1.0)
    policies = size.all_members / run.sent_s
    at_most = {"at_least": False}
    return [
        Row(
            "union submissions in the last hours of the window",
            len(run.sent) / run.sent_s,
            "/s",
            target=Target(PER_SECOND),
            note=f"{size}; {beside}",
        ),
        Row("p99 of a submission", percentile(run.sent, 0.99) * 1000, "ms", target=Target(P99_MS, **at_most)),
        Row("p50 of a submission", percentile(run.sent, 0.50) * 1000, "ms"),
        Row("CPU for a submission, all processes", sum(run.cpu.values()) / len(run.sent) * 1000, "ms", note=by_part),
        Row("p99 of a list or totals meanwhile", percentile(run.read, 0.99) * 1000, "ms"),
        Row(
            "policies made by submissions; baseline: a bare INSERT … SELECT a union",
            policies,
            "/s",
            baseline=size.all_members / run.bare_by_union_s,
        ),
        Row(
            "the same; baseline: one bare INSERT … SELECT of all",
            policies,
            "/s",
            baseline=size.all_members / run.bare_s,
        ),
        Row("worst totals of a district", max(run.totals) * 1000, "ms", target=Target(TOTALS_MS, **at_most)),
        Row(
            "worst submission of a district",
            max(run.submissions),
            "s",
            target=Target(SUBMISSION_S, **at_most),
            note=f"{size.unions * size.members:,} members each",
        ),
        Row(
            "from the close of the window to definite cover",
            after_close,
            "s",
            # Of a small city what does not grow with it is all there is.
            target=Target(round(limit_s, 1), **at_most) if size.all_members >= CITY_MEMBERS / 10 else None,
            note=f"{steps}; the days between take no time",
        ),
        *_memory_rows(run),
        Row("events in the longest history", run.longest[0], "", target=Target(EVENTS, **at_most), note=run.longest[1]),
        Row("laws broken", sum(run.broken.values()), "", target=Target(0, **at_most), note=str(run.broken or "")),
    ]


def _memory_rows(run: Run) -> list[Row]:
    rows = []
    for name, early in run.early.items():
        limit = max(1 + GROWTH, 1 + GROWTH_MB / early)
        rows.append(
            Row(
                f"{name}: private memory at the last list; baseline: at a tenth of them",
                run.late.get(name, 0.0),
                "MB",
                baseline=early,
                target=Target(round(limit, 3), at_least=False, of_ratio=True),
                note=f"{run.end.get(name, 0.0):g} MB at the end of the campaign",
            )
        )
    return rows
