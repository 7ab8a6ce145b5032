"""Requests at the lowest cost: one kept-alive HTTP/1.1 connection.

On a machine that serves and asks at once a full HTTP client takes as much CPU as the service that is measured.
"""

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from bench.ground import BenchError


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of a response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body, which must be a 2xx's."""
        if not 200 <= self.status < 300:
            raise BenchError(f"{self.status}: {self.body.decode(errors='replace')[:300]}")
        return json.loads(self.body)


class HttpLine:
    """One connection to one service; requests go one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def open(cls, url: str) -> "HttpLine":
        """Connect to ``http://host:port``."""
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port), parts.netloc)

    async def get(self, path: str, token: str, **query: Any) -> Answer:
        """A GET."""
        return await self._send("GET", f"{path}?{urlencode(query)}" if query else path, token, b"", "")

    async def post(self, path: str, token: str, body: Any) -> Answer:
        """A POST with a key of its own."""
        more = f"Content-Type: application/json\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
        return await self._send("POST", path, token, json.dumps(body).encode(), more)

    async def upload(self, path: str, token: str, papers: Sequence[tuple[str, bytes]]) -> Answer:
        """A POST of a form with pictures, each of its kind, with a key of its own."""
        edge = uuid.uuid4().hex
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="kind"\r\n\r\n{kind}\r\n'.encode() for kind, _ in papers
        ]
        file = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="paper.png"\r\n'
        head = f"{file}Content-Type: image/png\r\n\r\n".encode()
        body = b"".join((*parts, *(head + content + b"\r\n" for _, content in papers)))
        more = f"Content-Type: multipart/form-data; boundary={edge}\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
        return await self._send("POST", path, token, body + f"--{edge}--\r\n".encode(), more)

    async def _send(self, method: str, path: str, token: str, body: bytes, more: str) -> Answer:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: {len(body)}\r\n{more}\r\n"
        )
        self._writer.write(head.encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return Answer(int(lines[0].split(" ")[1]), await self._reader.readexactly(int(headers["content-length"])))

    def close(self) -> None:
        """End the connection."""
        self._writer.close()
