"""Makes Temporal's namespace and our search attributes: ``python -m compose.temporal_namespace``.

The development server is given both on its command line; a server on PostgreSQL starts with neither.
"""

import asyncio
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from unioncard.settings import Settings, settings_or_exit
from workflows.search_attributes import SEARCH_ATTRIBUTES

#: How long histories of finished workflows stay to be looked at.
RETENTION = timedelta(days=30)


async def prepare(settings: Settings) -> list[str]:
    """Makes what is missing; returns the names of the search attributes that were. Safe to repeat."""
    client = await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
    await _namespace(client, settings.temporal_namespace)
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=settings.temporal_namespace)
    )
    missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in known.custom_attributes}
    if missing:
        kinds = {name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}") for name, kind in missing.items()}
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=settings.temporal_namespace, search_attributes=kinds)
        )
    return list(missing)


async def _namespace(client: Client, name: str) -> None:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=name))
        return
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    # The server's parts learn of a new namespace one after the other.
    async with asyncio.timeout(60):
        while True:
            try:
                await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=name))
                return
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(prepare(settings_or_exit(Settings)))
