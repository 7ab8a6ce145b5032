"""Operators who click twice."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from unioncard_cli.operators import Operator, Refusal

Answer = tuple[int, Any]
"""Status and body."""

# Not made with a key: saying it again when the record has moved on is another request.
_WITHOUT_KEY = "/channel"


class Differs(AssertionError):
    """A request that was sent twice got two answers."""


@dataclass(slots=True)
class _Sent:
    send: Callable[[], httpx.Response]
    what: str
    said: Answer


@dataclass(slots=True)
class Impatience:
    """How a person repeats requests, and how often it was done."""

    rng: random.Random
    rate: float
    repeats: int = 0
    later: list[_Sent] = field(default_factory=list)


class HastyOperator(Operator):
    """Sends some POSTs twice with one ``Idempotency-Key``, at once or a while later, and compares the answers."""

    def __init__(
        self,
        member_url: str,
        card_url: str,
        login: str,
        password: str,
        *,
        rng: random.Random,
        rate: float,
        patience_s: float,
        insurance_url: str = "",
    ) -> None:
        super().__init__(member_url, card_url, login, password, patience_s=patience_s, insurance_url=insurance_url)
        self.impatience = Impatience(rng, rate)
        self._pool = ThreadPoolExecutor(2)
        self._logging_in = threading.Lock()

    def send(self, service: str, method: str, path: str, *, key: str | None = None, **content: Any) -> httpx.Response:
        """As any operator, and perhaps once more."""
        send = super().send

        def once() -> httpx.Response:
            return send(service, method, path, key=key, **content)

        mood = self.impatience
        if key is None or mood.rng.random() >= mood.rate:
            return once()
        mood.repeats += 1
        if mood.rng.random() < 0.5:
            both = [self._pool.submit(once), self._pool.submit(once)]
            said = [_said(future.result) for future in both]
            _compare(f"{method} {path} at once", *said)
            return both[0].result()
        answer = once()
        if not path.endswith(_WITHOUT_KEY):
            mood.later.append(_Sent(once, f"{method} {path} later", _said(lambda: answer)))
        if mood.later and mood.rng.random() < 0.5:
            _again(mood.later.pop(mood.rng.randrange(len(mood.later))))
        return answer

    def repeat_the_rest(self) -> None:
        """Send again what was still to be repeated."""
        while self.impatience.later:
            _again(self.impatience.later.pop())

    def _fresh_token(self) -> str:
        with self._logging_in:
            return super()._fresh_token()


def _again(sent: _Sent) -> None:
    _compare(sent.what, sent.said, _said(sent.send))


def _said(ask: Callable[[], httpx.Response]) -> Answer:
    try:
        response = ask()
    except Refusal as refusal:
        return refusal.status, refusal.problem
    return response.status_code, response.json() if response.content else None


def _compare(what: str, first: Answer, second: Answer) -> None:
    if first != second:
        raise Differs(f"{what}: first {first}, then {second}")
