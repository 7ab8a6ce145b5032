"""What a rehearsal remembers: every act with its outcome, every request with its duration, and the load beside it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import httpx

from unioncard.dates import shanghai_date
from unioncard_cli.operators import Operator, Refusal
from unioncard_cli.place import Place
from unioncard_cli.season.clock import StackClock
from unioncard_cli.season.load import SERVICES, sums

#: Phases that judge acts, as the report names them.
WINDOW, WINDOW_AGAIN = "基层工会集中参保", "基层工会集中参保（退回后重新提交）"
SPLIT, PAYING, SUBMISSION = "基层缴费设置", "基层工会向区局缴费", "区局向中心提交"


@dataclass(frozen=True, slots=True)
class Entry:
    """An act. ``deadline`` names the phase that judged it, if one did; ``in_time`` is what the plan expected."""

    at: datetime
    who: str
    what: str
    outcome: str
    refused: bool
    deadline: str | None = None
    in_time: bool | None = None

    @property
    def as_planned(self) -> bool:
        """Whether the service judged as the calendar says."""
        return self.in_time is None or self.in_time is not self.refused


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: seconds since the rehearsal began, and how many it took."""

    at_s: float
    took_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    """The load at a moment: seconds since the beginning, business time, and the gauges of all services together."""

    at_s: float
    business: datetime
    outbox: int
    oldest_s: float
    lag: int


@dataclass(slots=True)
class Journal:
    """Filled by many threads at once."""

    clock: StackClock
    entries: list[Entry] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start_over(self) -> None:
        """Forget what was only preparation."""
        with self._lock:
            self.entries.clear()
            self.requests.clear()
            self.samples.clear()
            self.began = time.monotonic()

    def elapsed_s(self) -> float:
        """Real seconds since the beginning."""
        return time.monotonic() - self.began

    def act(
        self,
        who: str,
        what: str,
        do: Callable[[], str],
        *,
        deadline: str | None = None,
        in_time: bool | None = None,
    ) -> bool:
        """Do it and remember how it went; True unless it was refused."""
        moment, refused = self.clock.now(), False
        try:
            outcome = do()
        except Refusal as refusal:
            refused, outcome = True, str(refusal.problem.get("title", refusal))
        entry = Entry(moment, who, what, outcome, refused, deadline, in_time)
        with self._lock:
            self.entries.append(entry)
        return not refused

    def submissions(self) -> dict[date, int]:
        """How many lists of the campaign were taken in on each day."""
        taken = [one for one in self.entries if one.deadline in (WINDOW, WINDOW_AGAIN) and not one.refused]
        return dict(sorted(Counter(shanghai_date(one.at) for one in taken).items()))

    def request(self, began: float, ended: float) -> None:
        """Remember one request, by the monotonic clock."""
        with self._lock:
            self.requests.append(Request(began - self.began, ended - began))

    @contextmanager
    def sampling(self, place: Place, every_s: float = 1.0) -> Iterator[None]:
        """Look at the load again and again for as long as the block lasts."""
        over = threading.Event()
        thread = threading.Thread(target=self._sample, args=(place, over, every_s), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(10)

    def _sample(self, place: Place, over: threading.Event, every_s: float) -> None:
        with httpx.Client(timeout=5.0) as http:
            while not over.wait(every_s):
                pages = [_page(http, place.url(name)) for name in SERVICES]
                seen = sums(pages)
                self.samples.append(
                    Sample(
                        self.elapsed_s(),
                        self.clock.now(),
                        seen.get("outbox_waiting", 0),
                        max(oldest(page) for page in pages),
                        seen.get("consumer_lag", 0),
                    )
                )


def oldest(page: str) -> float:
    """The age of the oldest message in the outbox, from a page in Prometheus' text format."""
    name = "outbox_oldest_age_seconds "
    return next((float(line[len(name) :]) for line in page.splitlines() if line.startswith(name)), 0.0)


def _page(http: httpx.Client, url: str) -> str:
    try:
        return http.get(f"{url}/metrics").text
    except httpx.TransportError:
        return ""


class WatchedOperator(Operator):
    """An operator whose requests are counted and timed."""

    journal: Journal | None = None

    def send(self, service: str, method: str, path: str, *, key: str | None = None, **content: Any) -> httpx.Response:
        """As any operator."""
        began = time.monotonic()
        try:
            return super().send(service, method, path, key=key, **content)
        finally:
            if self.journal is not None:
                self.journal.request(began, time.monotonic())
