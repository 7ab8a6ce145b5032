"""The connection to Temporal: TLS, converter and traces the same for the worker, the bridge and the command line."""

from datetime import timedelta
from typing import Any

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from unioncard.settings import Settings

# Bounds one call, retries inside the client included; whoever calls decides what a time-out means.
RPC_TIMEOUT = timedelta(seconds=10)


class NamespaceMissing(Exception):
    """Temporal has no such namespace. Without this check every answer to a workflow would look as if it were gone."""


def connect_options(settings: Settings) -> dict[str, Any]:
    """Arguments for ``Client.connect``: address, namespace, TLS or mTLS, API key, converter and traces."""
    return {
        "target_host": settings.temporal,
        "namespace": settings.temporal_namespace,
        "api_key": settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        "tls": _tls(settings),
        # Contracts are pydantic models, so what a workflow gets is checked when it is read.
        "data_converter": pydantic_data_converter,
        "interceptors": [TracingInterceptor()],
    }


async def connect(settings: Settings, runtime: Runtime | None = None) -> Client:
    """A client whose namespace is known to exist.

    Raises :class:`NamespaceMissing`, and RuntimeError or RPCError while the server cannot be reached.
    """
    client = await Client.connect(**connect_options(settings), runtime=runtime)
    try:
        await retention(client)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NamespaceMissing(f"Temporal has no namespace '{client.namespace}'") from None
        raise
    return client


async def retention(client: Client) -> timedelta:
    """How long the namespace remembers closed workflows."""
    request = DescribeNamespaceRequest(namespace=client.namespace)
    answer = await client.workflow_service.describe_namespace(request, timeout=RPC_TIMEOUT)
    return answer.config.workflow_execution_retention_ttl.ToTimedelta()


def metrics_runtime(address: str | None) -> Runtime | None:
    """A runtime that serves Temporal's client metrics at this address; None keeps the default one."""
    if address is None:
        return None
    return Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=address)))


def _tls(settings: Settings) -> TLSConfig | bool | None:
    files = (settings.temporal_ca_file, settings.temporal_cert_file, settings.temporal_key_file)
    if not settings.temporal_tls and not any(files):
        # None lets an API key bring TLS with it; without one there is none.
        return None
    ca, certificate, key = (file.read_bytes() if file else None for file in files)
    return TLSConfig(server_root_ca_cert=ca, client_cert=certificate, client_private_key=key)
