"""Everything that was sent under an ``Idempotency-Key``: when by the business clock, and what was answered."""

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from tests.faults.people import HastyOperator
from tests.faults.season.plan import DATES, Kind
from unioncard.problems import TYPE_ROOT
from unioncard_cli.operators import AWAY, Refusal
from unioncard_cli.season.acts import SCHEME


@dataclass(frozen=True, slots=True)
class Sent:
    """A list that a union wanted, under one key."""

    key: str
    who: str
    union_id: int
    class_code: str
    members: tuple[int, ...]
    kind: Kind

    @property
    def body(self) -> dict[str, Any]:
        """What is posted."""
        return {
            "way": SCHEME,
            "coverage_year": DATES.year,
            "class_code": self.class_code,
            "member_ids": list(self.members),
        }


@dataclass(slots=True)
class Attempt:
    """One request on the wire. ``sent_s`` is monotonic; ``status`` stays None where no answer came."""

    key: str
    path: str
    sent: datetime
    sent_s: float
    answered: datetime | None = None
    status: int | None = None
    body: Any = None

    @property
    def made(self) -> int | None:
        """The id of what the client was told was made."""
        return int(self.body["id"]) if self.status == 201 else None

    @property
    def refusal(self) -> str | None:
        """The problem's kind, if it was refused for good; an answer that says "try again" is none."""
        if self.status is None or self.status < 400 or self.status in AWAY:
            return None
        kind = self.body.get("type", "") if isinstance(self.body, dict) else ""
        return str(kind).removeprefix(TYPE_ROOT) or str(self.status)


@dataclass(slots=True)
class Witnessed:
    """All attempts; filled by many threads at once."""

    clock: Callable[[], datetime]
    attempts: list[Attempt] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: str, path: str) -> Attempt:
        """A request is about to be sent."""
        attempt = Attempt(key, path, self.clock(), time.monotonic())
        with self._lock:
            self.attempts.append(attempt)
        return attempt

    def answered(self, keys: Collection[str]) -> int:
        """How many of these keys have an answer."""
        with self._lock:
            return len({one.key for one in self.attempts if one.status is not None and one.key in keys})


class _Watching(httpx.BaseTransport):
    """The wire itself, so that every try of a patient client is seen."""

    def __init__(self, witnessed: Witnessed) -> None:
        self._inner = httpx.HTTPTransport()
        self._witnessed = witnessed

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return self._inner.handle_request(request)
        attempt = self._witnessed.begin(key, request.url.path)
        response = self._inner.handle_request(request)
        response.read()
        with suppress(ValueError):
            attempt.body = response.json()
        attempt.answered = self._witnessed.clock()
        attempt.status = response.status_code
        return response

    def close(self) -> None:
        self._inner.close()


class WitnessedOperator(HastyOperator):
    """An operator whose requests are all remembered."""

    def watched_by(self, witnessed: Witnessed) -> "WitnessedOperator":
        """From now on."""
        self._client.close()
        self._client = httpx.Client(timeout=60.0, transport=_Watching(witnessed))
        return self

    def log_in(self) -> None:
        """Be at the screen before it matters."""
        self._fresh_token()

    def submit(self, sent: Sent) -> None:
        """Send a list until there is an answer; what it is, the witness knows."""
        with suppress(Refusal):
            self.post("insurance", "/enrolments", sent.body, key=sent.key)

    def submit_and_hang_up(self, sent: Sent) -> None:
        """Send a list and go away before any answer can come."""
        headers = {"Authorization": f"Bearer {self._fresh_token()}", "Idempotency-Key": sent.key}
        timeout = httpx.Timeout(5.0, read=0.005)
        with suppress(httpx.TransportError):
            self._client.post(self._urls["insurance"] + "/enrolments", json=sent.body, headers=headers, timeout=timeout)
