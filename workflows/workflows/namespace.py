"""What the namespace must hold before workflows can run in it."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows.client import RPC_TIMEOUT, retention
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


async def ensure_retention(client: Client, at_least: timedelta) -> bool:
    """Have the namespace remember closed workflows at least so long; False where that is not allowed.

    A repeat that comes after Temporal has forgotten starts the workflow again. Its commands would count once all the
    same, but a batch that is done would show as running.
    """
    if await retention(client) >= at_least:
        return True
    longer = NamespaceConfig()
    longer.workflow_execution_retention_ttl.FromTimedelta(at_least)
    try:
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(namespace=client.namespace, config=longer), timeout=RPC_TIMEOUT
        )
    except RPCError as error:
        if error.status not in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.INVALID_ARGUMENT):
            raise
        log.warning("temporal.retention_too_short", needed_days=at_least.days)
        return False
    log.info("temporal.retention_extended", days=at_least.days)
    return True
