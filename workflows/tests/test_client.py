"""The settings for Temporal reach its client; the servers of the tests have no TLS."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.service import TLSConfig

from unioncard.messaging.envelope import MalformedMessage
from workflows.addresses import ReplyAddress
from workflows.client import NamespaceMissing, connect, connect_options, retention
from workflows.namespace import ensure_retention
from workflows.settings import WorkflowsSettings


def test_without_tls_nothing_is_encrypted() -> None:
    options = connect_options(WorkflowsSettings(temporal="temporal.internal:7233", temporal_namespace="unioncard"))
    assert (options["target_host"], options["namespace"]) == ("temporal.internal:7233", "unioncard")
    assert (options["tls"], options["api_key"]) == (None, None)


def test_certificates_and_keys_reach_the_client(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_bytes(name.encode())
    settings = WorkflowsSettings(
        temporal_ca_file=tmp_path / "ca",
        temporal_cert_file=tmp_path / "cert",
        temporal_key_file=tmp_path / "key",
        temporal_api_key=SecretStr("an-api-key"),
    )
    options = connect_options(settings)
    assert options["tls"] == TLSConfig(server_root_ca_cert=b"ca", client_cert=b"cert", client_private_key=b"key")
    assert options["api_key"] == "an-api-key"


def test_tls_alone_trusts_the_systems_authorities() -> None:
    assert connect_options(WorkflowsSettings(temporal_tls=True))["tls"] == TLSConfig()


async def test_a_mistyped_namespace_is_found_out_at_once(temporal_address: str) -> None:
    with pytest.raises(NamespaceMissing, match="defualt"):
        await connect(WorkflowsSettings(temporal=temporal_address, temporal_namespace="defualt"))


async def test_closed_workflows_are_remembered_as_long_as_messages_can_come_again(temporal_address: str) -> None:
    client = await connect(WorkflowsSettings(temporal=temporal_address))
    assert await ensure_retention(client, timedelta(days=14))
    assert await retention(client) >= timedelta(days=14)


def test_an_address_survives_the_journey() -> None:
    address = ReplyAddress("card-batch/cbc036202609211000", "run", "7", 3, bytes(range(256)))
    assert ReplyAddress.decode(address.encode()) == address
    assert address.encode().isascii()


@pytest.mark.parametrize("text", [None, "", "x", "bm90IGpzb24", "eyJ3b3JrZmxvdyI6MX0", "中文"])
def test_what_is_no_address_is_malformed(text: str | None) -> None:
    with pytest.raises(MalformedMessage, match="replyto"):
        ReplyAddress.decode(text)
