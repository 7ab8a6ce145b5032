"""What the namespace must hold before workflows can run in it."""

from collections.abc import Sequence

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client

from workflows.client import RPC_TIMEOUT
from workflows.search_attributes import SEARCH_ATTRIBUTES

log = structlog.get_logger()

_TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
}


async def ensure_search_attributes(client: Client) -> list[str]:
    """Add the search attributes that are missing; returns their names. Safe to repeat.

    Without them Temporal refuses every start as invalid, and the bridge would make dead letters of good events. Where
    the right to add them is not given (RPCError), they must be made beforehand.
    """
    there = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
    )
    missing = [name for name in SEARCH_ATTRIBUTES if name not in there.custom_attributes]
    if missing:
        await add_search_attributes(client, missing)
        log.info("temporal.search_attributes_added", names=missing)
    return missing


async def add_search_attributes(client: Client, names: Sequence[str]) -> None:
    """Add these of our search attributes, none of which is there yet."""
    wanted = {name: _TYPES[SEARCH_ATTRIBUTES[name]] for name in names}
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted), timeout=RPC_TIMEOUT
    )
