"""Is a Temporal server that someone else runs reachable? Apart, because importing temporalio takes a while."""

from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import TLSConfig

from unioncard.settings import Settings, read_settings
from unioncard_cli.place import Place


async def answers(place: Place) -> None:
    """By gRPC, with the settings' TLS and key: the namespace is there."""
    settings = read_settings(
        Settings,
        temporal=place.environment()["UNIONCARD_TEMPORAL"],
        temporal_namespace=place.environment()["UNIONCARD_TEMPORAL_NAMESPACE"],
    )
    client = await Client.connect(
        settings.temporal,
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        tls=_temporal_tls(settings),
    )
    await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=settings.temporal_namespace))


def _temporal_tls(settings: Settings) -> bool | TLSConfig:
    if not settings.temporal_tls:
        return False

    def content(path: Path | None) -> bytes | None:
        return path.read_bytes() if path else None

    return TLSConfig(
        server_root_ca_cert=content(settings.temporal_ca_file),
        client_cert=content(settings.temporal_cert_file),
        client_private_key=content(settings.temporal_key_file),
    )
