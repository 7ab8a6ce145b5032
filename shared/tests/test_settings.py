"""Settings: a wrong one stops the start with its name and an example; the right ones reach the clients."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from unioncard.database import ServiceDatabase, engine_for
from unioncard.messaging import kafka
from unioncard.settings import Settings, SettingsError, read_settings, settings_or_exit


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own settings."""
    import os

    for name in os.environ:
        if name.startswith("UNIONCARD_"):
            monkeypatch.delenv(name)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = tmp_path / "kafka.pem", tmp_path / "kafka.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


WRONG = [
    ({"PORT": "http"}, "PORT", "18001"),
    ({"PORT": "0"}, "PORT", "18001"),
    ({"PORT": "65536"}, "PORT", "18001"),
    ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL", "INFO"),
    ({"DATABASE_URL": "mysql://root@db/x"}, "DATABASE_URL", "postgresql://postgres:secret@db.internal:5432/postgres"),
    ({"DATABASE_URL": "postgresql://root@db:port/x"}, "DATABASE_URL", "postgresql://"),
    ({"DATABASE_POOL_SIZE": "0"}, "DATABASE_POOL_SIZE", "20"),
    ({"DATABASE_POOL_OVERFLOW": "-1"}, "DATABASE_POOL_OVERFLOW", "10"),
    ({"DATABASE_STATEMENT_TIMEOUT_S": "0"}, "DATABASE_STATEMENT_TIMEOUT_S", "60"),
    ({"KAFKA": "kafka"}, "KAFKA", "kafka-1:9092,kafka-2:9092"),
    ({"KAFKA": "kafka:9092,:9092"}, "KAFKA", "kafka-1:9092,kafka-2:9092"),
    ({"KAFKA": "kafka:99999"}, "KAFKA", "kafka-1:9092,kafka-2:9092"),
    ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
    ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME", "card-svc"),
    ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "x"}, "KAFKA_SASL_USERNAME", "card-svc"),
    ({"KAFKA_SASL_MECHANISM": "GUESS"}, "KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
    ({"KAFKA_CA_FILE": "/no/such.pem"}, "KAFKA_CA_FILE", "/etc/unioncard/kafka-ca.pem"),
    ({"KAFKA_KEY_FILE": "/no/such.key"}, "KAFKA_CERT_FILE", "/etc/unioncard/kafka-client.pem"),
    ({"KAFKA_REPLICATION": "0"}, "KAFKA_REPLICATION", "3"),
    ({"KAFKA_PARTITIONS": "0"}, "KAFKA_PARTITIONS", "24"),
    ({"KAFKA_RETENTION_DAYS": "0"}, "KAFKA_RETENTION_DAYS", "14"),
    ({"KAFKA_BATCH": "10001"}, "KAFKA_BATCH", "1000"),
    ({"TEMPORAL": "temporal"}, "TEMPORAL", "temporal.internal:7233"),
    ({"TEMPORAL_CERT_FILE": "/no/such.pem"}, "TEMPORAL_CERT_FILE", "/etc/unioncard/temporal-client.pem"),
    ({"MEMBER_URL": "member.internal"}, "MEMBER_URL", "https://member.internal"),
    ({"TRACE_OTLP": "collector:4318"}, "TRACE_OTLP", "http://collector:4318/v1/traces"),
    ({"TRACE_RATIO": "2"}, "TRACE_RATIO", "0.05"),
    ({"SECRETS_DIR": "/no/such/folder"}, "SECRETS_DIR", "/run/secrets"),
]


@pytest.mark.parametrize(("given", "name", "example"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_setting_stops_the_start_with_its_name_and_an_example(
    given: dict[str, str],
    name: str,
    example: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for setting, value in given.items():
        monkeypatch.setenv(f"UNIONCARD_{setting}", value)
    with pytest.raises(SystemExit) as end:
        settings_or_exit(Settings)
    assert end.value.code == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("  ")]
    assert line.startswith(f"  UNIONCARD_{name}: ")
    assert f"for example UNIONCARD_{name}={example}" in line


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIONCARD_PORT", "x")
    monkeypatch.setenv("UNIONCARD_KAFKA", "x")
    with pytest.raises(SettingsError) as error:
        read_settings(Settings)
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["  UNIONCARD_PORT", "  UNIONCARD_KAFKA"]


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIONCARD_KAFKA_SASL_PASSWORD", "hunter2")
    assert "hunter2" not in repr(read_settings(Settings))
    monkeypatch.setenv("UNIONCARD_DATABASE_URL", "mysql://root:hunter2@db/x")
    with pytest.raises(SettingsError) as error:
        read_settings(Settings)
    assert "hunter2" not in str(error.value)


def test_every_setting_has_an_example_that_is_right() -> None:
    files = ("_ca_file", "_cert_file", "_key_file")
    for name, field in Settings.model_fields.items():
        assert field.examples, name
        if not name.endswith(files):
            given: dict[str, Any] = {name: field.examples[0]}
            if name == "kafka_security_protocol":
                given |= {"kafka_sasl_username": "x", "kafka_sasl_password": "y"}
            read_settings(Settings, **given)


def test_secrets_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unioncard_kafka_sasl_password").write_text("from a file\n")
    (tmp_path / "unioncard_database_url").write_text("postgresql://root:pw@db:5432/postgres")
    monkeypatch.setenv("UNIONCARD_SECRETS_DIR", str(tmp_path))
    settings = read_settings(Settings)
    assert settings.kafka_sasl_password is not None
    assert settings.kafka_sasl_password.get_secret_value() == "from a file"
    assert settings.database_url == "postgresql://root:pw@db:5432/postgres"
    monkeypatch.setenv("UNIONCARD_DATABASE_URL", "postgresql://env@db/postgres")
    assert read_settings(Settings).database_url == "postgresql://env@db/postgres"


def test_an_empty_setting_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIONCARD_KAFKA_CA_FILE", "")
    monkeypatch.setenv("UNIONCARD_PORT", "")
    settings = read_settings(Settings)
    assert (settings.kafka_ca_file, settings.port) == (None, 18001)


async def test_tls_and_sasl_reach_every_kafka_client(certificate: tuple[Path, Path]) -> None:
    cert_file, key_file = certificate
    settings = read_settings(
        Settings,
        kafka="kafka-1:9092,kafka-2:9092",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-256",
        kafka_sasl_username="card-svc",
        kafka_sasl_password="hunter2",
        kafka_ca_file=cert_file,
        kafka_cert_file=cert_file,
        kafka_key_file=key_file,
    )
    clients = [
        kafka.producer(settings, "x").client,
        kafka.consumer(settings, "x", "group", ["topic"])._client,
        kafka.admin(settings, "x")._client,
    ]
    for client in clients:
        assert client._bootstrap_servers == "kafka-1:9092,kafka-2:9092"
        assert client._security_protocol == "SASL_SSL"
        assert client._sasl_mechanism == "SCRAM-SHA-256"
        assert (client._sasl_plain_username, client._sasl_plain_password) == ("card-svc", "hunter2")
        context = client._ssl_context
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert [one["serialNumber"] for one in context.get_ca_certs()] == ["07"]


async def test_plain_kafka_has_no_tls() -> None:
    client = kafka.producer(read_settings(Settings), "x").client
    assert (client._security_protocol, client._ssl_context, client._sasl_plain_password) == ("PLAINTEXT", None, None)


async def test_producers_are_idempotent_and_consumers_commit_nothing_by_themselves() -> None:
    settings = read_settings(Settings)
    producer = kafka.producer(settings, "x")
    assert producer._txn_manager is not None
    assert producer._sender._acks == -1
    consumer = kafka.consumer(settings, "x", "group", ["topic"])
    assert consumer._enable_auto_commit is False
    assert consumer._auto_offset_reset == "earliest"


def test_a_key_that_is_not_the_certificates_stops_the_start(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("not a certificate")
    with pytest.raises(SettingsError, match=r"UNIONCARD_KAFKA_CA_FILE: .*cannot be used"):
        read_settings(Settings, kafka_security_protocol="SSL", kafka_ca_file=rubbish)
    with pytest.raises(SettingsError, match="cannot be used"):
        read_settings(Settings, kafka_security_protocol="SSL", kafka_cert_file=certificate[0], kafka_key_file=rubbish)


async def test_tls_of_postgresql_reaches_the_connection() -> None:
    admin = "postgresql://root@db.internal/postgres?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    database = ServiceDatabase(admin, "card", "o" * 16, "a" * 16)
    settings = read_settings(Settings, database_url=admin, database_statement_timeout_s=1.5)
    for engine in (engine_for(database.app_url, settings), engine_for(database.owner_url)):
        _, options = engine.dialect.create_connect_args(engine.url)
        assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", "/etc/ca.pem")
        assert engine.sync_engine.hide_parameters


async def test_pool_sizes_and_time_out_reach_the_connection(postgres_url_of_tests: str) -> None:
    settings = read_settings(Settings, database_pool_size=3, database_pool_overflow=4, database_statement_timeout_s=1.5)
    engine = engine_for(postgres_url_of_tests, settings)
    assert (engine.pool.size(), engine.pool._max_overflow) == (3, 4)  # type: ignore[attr-defined]  # of QueuePool
    async with engine.connect() as conn:
        assert (await conn.exec_driver_sql("SHOW statement_timeout")).scalar() == "1500ms"
        assert (await conn.exec_driver_sql("SHOW timezone")).scalar() == "UTC"
    await engine.dispose()


@pytest.fixture
def postgres_url_of_tests(postgres_url: str) -> str:
    return postgres_url
