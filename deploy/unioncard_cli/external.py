"""Servers that someone else runs: only asked whether they answer."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from unioncard_cli import probes
from unioncard_cli.place import EXTERNAL, Place, StackError

LIMIT_S = 15.0


async def _temporal(place: Place) -> None:
    """By gRPC, with the settings' TLS and key: the namespace is there."""
    from unioncard.settings import Settings, read_settings
    from workflows.client import connect  # here, because importing temporalio takes most of a second

    environment = place.environment()
    settings = read_settings(
        Settings,
        temporal=environment["UNIONCARD_TEMPORAL"],
        temporal_namespace=environment["UNIONCARD_TEMPORAL_NAMESPACE"],
    )
    await connect(settings)


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
