"""Papers that people upload: what they may be, and where they are kept: an object store (a folder, or S3).

Only services that take papers import this; the object store is their dependency.
"""

from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from unioncard.problems import Problem

# By content; what a file calls itself proves nothing.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", "image/png", "png"),
    (b"\xff\xd8\xff", b"\xff\xd9", "image/jpeg", "jpg"),
    (b"%PDF-", b"%%EOF", "application/pdf", "pdf"),
)
_TAIL = 2048


def media_type(content: bytes) -> str | None:
    """What the file is by its first and last bytes: PNG, JPEG or PDF, else None."""
    for head, end, kind, _ in _SIGNATURES:
        if content.startswith(head) and end in content[-_TAIL:]:
            return kind
    return None


def extension(kind: str) -> str:
    """How the name of such a file ends."""
    return next(ending for _, _, known, ending in _SIGNATURES if known == kind)


class Scanner(Protocol):
    """Looks for viruses; a site puts its own in place of :class:`NoScanner`."""

    async def finding(self, content: bytes) -> str | None:
        """What was found, None if nothing."""
        ...


# The test file that every scanner finds (eicar.org), in two parts so that this file is not one.
_EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class NoScanner:
    """Knows the scanners' test file only, so that the way of a finding can be tried."""

    async def finding(self, content: bytes) -> str | None:
        """``EICAR-Test-File`` or None."""
        return "EICAR-Test-File" if _EICAR in content else None


class PaperStore:
    """Files by key. What lies under a key never changes, so keeping it again is harmless."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def keep(self, key: str, content: bytes) -> None:
        """Keep a file; 503 while the store is away."""
        try:
            await obstore.put_async(_open(self._url), key, content)
        except (obstore.exceptions.BaseError, OSError):
            raise _away() from None

    async def fetch(self, key: str) -> bytes:
        """A file that was kept; 503 while the store is away."""
        try:
            found = await obstore.get_async(_open(self._url), key)
            return bytes(await found.bytes_async())
        except (obstore.exceptions.BaseError, OSError):
            raise _away() from None


@lru_cache(maxsize=4)
def _open(url: str) -> ObjectStore:
    parts = urlsplit(url)
    return LocalStore(unquote(parts.path), mkdir=True) if parts.scheme == "file" else from_url(url)


def _away() -> Problem:
    return Problem(
        503, "papers-unavailable", "文件存储暂时不可用，请稍后重试", "本次操作没有生效。", headers={"Retry-After": "5"}
    )
