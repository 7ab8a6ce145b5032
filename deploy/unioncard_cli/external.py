"""Servers that someone else runs: only asked whether they answer."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from urllib.parse import urlsplit

from unioncard_cli import probes
from unioncard_cli.place import EXTERNAL, Place, StackError

LIMIT_S = 15.0


async def _temporal(place: Place) -> None:
    await import_module("unioncard_cli.external_temporal").answers(place)


_PROBES: dict[str, Callable[[Place], Awaitable[None]]] = {
    "postgres": probes.postgres,
    "kafka": probes.kafka,
    "temporal": _temporal,
}


def check(place: Place, part: str) -> None:
    """Raises :class:`StackError` if the server that ``place`` names for the part does not answer."""
    with ThreadPoolExecutor(1) as pool:  # works as well where an event loop already runs
        error = pool.submit(asyncio.run, _why_not(place, part)).result()
    if error:
        raise StackError(
            f"{EXTERNAL[part]} names a server that does not answer: {shown(place, part)} ({error})",
            f"start that server, correct {EXTERNAL[part]}, or unset it to have one started here",
        )


def shown(place: Place, part: str) -> str:
    """The address without user and password."""
    address = place.external(part) or ""
    if "://" not in address:
        return address
    url = urlsplit(address)
    return f"{url.hostname}:{url.port or 5432}"


async def _why_not(place: Place, part: str) -> str:
    try:
        await asyncio.wait_for(_PROBES[part](place), LIMIT_S)
    except Exception as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return ""
