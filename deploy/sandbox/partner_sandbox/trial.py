"""Run the sandbox as a process of its own, with someone to call back: for tests and trials."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson

from unioncard.keys import load_keys, write_key_files

T = TypeVar("T")


class Trial:
    """A sandbox process with its own store, keys and port; it can be killed and started again on the same store."""

    def __init__(
        self, folder: Path, card_url: str, behaviour: dict[str, Any] | None = None, claims_url: str | None = None
    ) -> None:
        write_key_files(folder / "keys")
        keys_file = folder / "keys" / "sandbox.json"
        self.secret = load_keys(keys_file).partner_secret("bank")
        self.port = free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=20)
        self._log = folder / "sandbox.log"
        self._environment = {
            **os.environ,
            "UNIONCARD_HOST": "127.0.0.1",
            "UNIONCARD_PORT": str(self.port),
            "UNIONCARD_KEYS_FILE": str(keys_file),
            "UNIONCARD_CARD_URL": card_url,
            "UNIONCARD_CLAIMS_URL": claims_url or card_url,
            "UNIONCARD_SANDBOX_STORE": str(folder / "sandbox.sqlite"),
            "UNIONCARD_SANDBOX_BEHAVIOUR": orjson.dumps(behaviour or {}).decode(),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        if self._process is not None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "partner_sandbox"], env=self._environment, stdout=log, stderr=log
            )
        eventually(self._answers, "the sandbox to answer", seconds=60)

    def kill(self) -> None:
        """End it at once (kill -9)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it and let go of the connections."""
        self.kill()
        self.client.close()

    def summary(self) -> dict[str, Any]:
        """``GET /memory/summary``."""
        found: dict[str, Any] = self.client.get("/memory/summary").raise_for_status().json()
        return found

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"the sandbox has ended:\n{self._log.read_text()}")
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Its body."""
        found: dict[str, Any] = orjson.loads(self.body)
        return found


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A caller that was killed is nothing to report."""


class Receiver:
    """Stands in for card-svc and claims-svc: takes the bank's callbacks and answers them with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.callbacks: list[Callback] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    # The sandbox was killed while it sent.
                    self.close_connection = True
                    return
                if self.path.startswith("/partners/bank/"):
                    receiver.callbacks.append(
                        Callback(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                    )
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(look: Callable[[], T | None], what: str, seconds: float = 15) -> T:
    """What ``look`` finds as soon as it is true; fails when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}, in vain")
        time.sleep(0.02)


def batch(number: str, members: int = 3, **changed: Any) -> dict[str, Any]:
    """A well-formed batch of fictional members, their ids counted from ``first_id`` (1)."""
    first_id = changed.pop("first_id", 1)
    return {
        "batch_number": number,
        "channel": "normal",
        "outlet_code": "0101",
        "contact_name": "王芳",
        "contact_mobile": "13800000000",
        "members": [
            {
                "member_id": first_id + i,
                "member_number": f"101{first_id + i:07d}",
                "name": "李建国",
                "document_type": "resident_id",
                "document_number": f"31010119800101{i % 10000:04d}",
                "document_expiry": "9999-12-31",
                "nationality": "CHN",
                "sex": "male",
                "birth_date": "1980-01-01",
                "mobile": f"139{i:08d}",
                "address": "上海市黄浦区人民路1号",
            }
            for i in range(members)
        ],
    } | changed
