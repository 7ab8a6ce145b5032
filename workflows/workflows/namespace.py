"""What the namespace must hold before workflows can run in it."""

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
    missing = {name: _TYPES[kind] for name, kind in SEARCH_ATTRIBUTES.items() if name not in there.custom_attributes}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing), timeout=RPC_TIMEOUT
        )
        log.info("temporal.search_attributes_added", names=sorted(missing))
    return sorted(missing)
