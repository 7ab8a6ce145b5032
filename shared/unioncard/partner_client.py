"""How partners are talked to: one client, errors told apart, nothing personal in them."""

from typing import Any

import httpx
import orjson

from unioncard.partners import PartnerDown
from unioncard.telemetry import current_traceparent

# Refusals that speak of the moment, not of what was sent.
PASSING = frozenset({408, 425, 429})


class PartnerClient:
    """Calls partners over HTTP."""

    def __init__(self, timeout_s: float = 25.0) -> None:
        limits = httpx.Limits(max_connections=50, max_keepalive_connections=20)
        self._client = httpx.AsyncClient(timeout=timeout_s, limits=limits)

    async def post(self, url: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        """A 2xx or a 4xx that is final; :class:`PartnerDown` for everything after which asking again is right."""
        return await self._send("POST", url, content=orjson.dumps(body), headers=headers)

    async def get(self, url: str, params: dict[str, str]) -> httpx.Response:
        """As :meth:`post`."""
        return await self._send("GET", url, params=params)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        headers = {"content-type": "application/json", **(options.pop("headers", None) or {})}
        traceparent = current_traceparent()
        if traceparent:
            headers["traceparent"] = traceparent
        try:
            response = await self._client.request(method, url, headers=headers, **options)
        except httpx.HTTPError as error:
            raise PartnerDown(type(error).__name__) from None
        if response.is_success or (response.is_client_error and response.status_code not in PASSING):
            return response
        raise PartnerDown(f"HTTP {response.status_code}")


def refusal_of(response: httpx.Response) -> str:
    """Why a partner refused, for staff: what its problem document says, or its status. At most 500 characters."""
    try:
        document = response.json()
        words = [document.get("title"), document.get("detail")]
    except (ValueError, AttributeError):
        words = []
    text = "：".join(str(word) for word in words if word)
    return (text or f"对方未受理（HTTP {response.status_code}）")[:500].replace("\x00", "")
