"""People at their screens, as programs see them: each logs in and speaks to the public HTTP APIs, nothing else."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

# The service, or what it needs, is away for the moment and has done nothing.
AWAY = (502, 503, 504)

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Refusal(Exception):
    """The platform refused: the problem document as it came."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title', '')} {problem.get('detail', '')}".strip())
        self.status = status
        self.problem = problem


class StillWaiting(Exception):
    """Something that was waited for did not come in time."""


class Operator:
    """One account. Tokens are short-lived, so it logs in anew shortly before they end.

    Every request names the trace it belongs to (:attr:`trace_id` of the last one), and every POST that is sent again
    after a lost connection keeps its ``Idempotency-Key``: that is how a browser on a bad line behaves.
    """

    def __init__(
        self,
        member_url: str,
        card_url: str,
        login: str,
        password: str,
        *,
        insurance_url: str = "",
        claims_url: str = "",
        patience_s: float = 60.0,
    ) -> None:
        self.login = login
        self._urls = {"member": member_url, "card": card_url, "insurance": insurance_url, "claims": claims_url}
        self._password = password
        self._patience_s = patience_s
        self._client = httpx.Client(timeout=60.0)
        self._token = ""
        self._token_until = 0.0
        self.trace_id = ""

    def get(self, service: str, path: str, **query: Any) -> Any:
        """The JSON answer of a GET, or :class:`Refusal`."""
        return self.send(service, "GET", path, params={k: v for k, v in query.items() if v is not None}).json()

    def get_bytes(self, service: str, path: str) -> bytes:
        """The body of a GET: a sheet or a PDF."""
        return self.send(service, "GET", path).content

    def post(self, service: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """The JSON answer of a POST, or :class:`Refusal`."""
        return self.send(service, "POST", path, json=body if body is not None else {}, key=key or new_key()).json()

    def put(self, service: str, path: str, body: Any) -> Any:
        """The JSON answer of a PUT, or :class:`Refusal`."""
        return self.send(service, "PUT", path, json=body).json()

    def upload(
        self,
        service: str,
        path: str,
        name: str,
        content: bytes,
        *,
        kind: str = EXCEL,
        fields: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Any:
        """Upload a file as a form would, with its other fields."""
        files = {"file": (name, content, kind)}
        return self.send(service, "POST", path, files=files, data=fields, key=key or new_key()).json()

    def upload_papers(self, path: str, papers: Sequence[tuple[str, bytes]]) -> Any:
        """Upload a claim's papers, kind and PNG each, in one request."""
        files = [("file", ("材料.png", content, "image/png")) for _, content in papers]
        kinds = {"kind": [kind for kind, _ in papers]}
        return self.send("claims", "POST", path, files=files, data=kinds, key=new_key()).json()

    def pages(self, service: str, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        after: str | None = None
        while True:
            page = self.get(service, path, limit=200, after=after, **query)
            yield from page["items"]
            after = page.get("next")
            if after is None:
                return

    def send(self, service: str, method: str, path: str, *, key: str | None = None, **content: Any) -> httpx.Response:
        """Any request; sent again while the service cannot be reached. :class:`Refusal` for what it refuses."""
        deadline = time.monotonic() + self._patience_s
        self.trace_id = uuid.uuid4().hex
        headers = {"traceparent": f"00-{self.trace_id}-{os.urandom(8).hex()}-01"}
        if key:
            headers["Idempotency-Key"] = key
        while True:
            try:
                headers["Authorization"] = f"Bearer {self._fresh_token()}"
                return _accepted(self._client.request(method, self._urls[service] + path, headers=headers, **content))
            except httpx.TransportError as error:
                why = type(error).__name__
            except Refusal as refusal:
                if refusal.status not in AWAY:
                    raise
                why = str(refusal)
            if time.monotonic() > deadline:
                raise StillWaiting(f"{service} does not answer {method} {path}: {why}")
            time.sleep(0.5)

    def _fresh_token(self) -> str:
        if time.monotonic() > self._token_until:
            response = self._client.post(
                self._urls["member"] + "/tokens", json={"login": self.login, "password": self._password}
            )
            answer = _accepted(response).json()
            self._token = answer["access_token"]
            self._token_until = time.monotonic() + answer["expires_in"] - 60
        return self._token


def new_key() -> str:
    """An ``Idempotency-Key`` for one intention."""
    return str(uuid.uuid4())


def until(what: str, look: Callable[[], T], wanted: Callable[[T], bool], timeout_s: float, every_s: float = 0.3) -> T:
    """Look again and again until it is as wanted; :class:`StillWaiting` names what did not come."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if wanted(seen):
            return seen
        if time.monotonic() > deadline:
            raise StillWaiting(f"{what} did not come within {timeout_s:.0f} s")
        time.sleep(every_s)


def patiently(ask: Callable[[], httpx.Response], timeout_s: float) -> httpx.Response:
    """Ask one of the partners again while it cannot be reached, for what may be asked twice; its 2xx."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return ask().raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {"title": response.text[:200]}
    raise Refusal(response.status_code, problem)
