"""Settings of every process, read from the environment or from files, checked before anything starts.

Each setting ``foo`` is read from ``UNIONCARD_FOO``, or from a file ``unioncard_foo`` in the folder that
``UNIONCARD_SECRETS_DIR`` names (how Kubernetes and compose hand out secrets). A wrong one stops the start with its
name, what is wrong with it, and an example.
"""

import os
import re
import ssl
import sys
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "UNIONCARD_"


class SettingsError(Exception):
    """The start cannot go on: one line a setting, each with its name and an example."""


class Settings(BaseSettings):
    """What all services and the workflow worker read. Services add their own in a subclass."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str = Field("127.0.0.1", examples=["10.0.0.5"], description="address that HTTP listens on")
    port: int = Field(18001, ge=1, le=65535, examples=[18001], description="port that HTTP listens on")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", examples=["INFO"])

    database_url: str = Field(
        "postgresql://postgres@127.0.0.1:18010/postgres",
        examples=["postgresql://postgres:secret@db.internal:5432/postgres?sslmode=verify-full&sslrootcert=/etc/ca.pem"],
        description="the administrator's URL; each service's database and roles derive from it",
    )
    database_pool_size: int = Field(20, ge=1, le=200, examples=[20])
    database_pool_overflow: int = Field(10, ge=0, le=200, examples=[10])
    database_statement_timeout_s: float = Field(60.0, gt=0, examples=[60])

    kafka: str = Field("127.0.0.1:18011", examples=["kafka-1:9092,kafka-2:9092"], description="bootstrap servers")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", examples=["SASL_SSL"]
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", examples=["SCRAM-SHA-512"]
    )
    kafka_sasl_username: str | None = Field(None, examples=["card-svc"])
    kafka_sasl_password: SecretStr | None = Field(None, examples=["a password"])
    kafka_ca_file: Path | None = Field(None, examples=["/etc/unioncard/kafka-ca.pem"])
    kafka_cert_file: Path | None = Field(None, examples=["/etc/unioncard/kafka-client.pem"])
    kafka_key_file: Path | None = Field(None, examples=["/etc/unioncard/kafka-client.key"])
    kafka_replication: int = Field(1, ge=1, examples=[3], description="copies of each topic")
    kafka_partitions: int = Field(6, ge=1, examples=[24], description="partitions of a new topic")
    kafka_retention_days: int = Field(14, ge=1, examples=[14], description="above the longest outage")
    kafka_batch: int = Field(1000, ge=1, le=10_000, examples=[1000], description="messages a transaction at most")

    temporal: str = Field("127.0.0.1:18013", examples=["temporal.internal:7233"])
    temporal_namespace: str = Field("default", min_length=1, examples=["unioncard"])
    temporal_tls: bool = Field(False, examples=[True])
    temporal_ca_file: Path | None = Field(None, examples=["/etc/unioncard/temporal-ca.pem"])
    temporal_cert_file: Path | None = Field(None, examples=["/etc/unioncard/temporal-client.pem"])
    temporal_key_file: Path | None = Field(None, examples=["/etc/unioncard/temporal-client.key"])
    temporal_api_key: SecretStr | None = Field(None, examples=["an API key"])

    keys_file: Path = Field(Path("keys.json"), examples=["/etc/unioncard/keys/card-svc.json"])
    member_url: str = Field("http://127.0.0.1:18001", examples=["https://member.internal"])
    clock_segments: Path | None = Field(None, examples=["/var/lib/unioncard/clock.json"])
    trace_file: Path | None = Field(None, examples=["/var/log/unioncard/spans.jsonl"])
    trace_otlp: str | None = Field(None, examples=["http://collector:4318/v1/traces"])
    trace_ratio: float = Field(1.0, ge=0, le=1, examples=[0.05], description="share of new traces that are kept")

    @field_validator("database_url")
    @classmethod
    def _postgres_url(cls, value: str) -> str:
        if not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must be a postgresql:// URL")
        try:
            urlsplit(value).port  # noqa: B018  # reading it is what checks it
        except ValueError:
            raise ValueError("its port is no port; a host in the query or a password may need quoting") from None
        return value

    @field_validator("member_url", "trace_otlp")
    @classmethod
    def _http_url(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/\s]+", value):
            raise ValueError("must be an http:// or https:// URL")
        return value.rstrip("/") if value else value

    @field_validator("kafka", "temporal")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for address in value.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
                raise ValueError(f"'{address}' is not host:port")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if self.kafka_security_protocol.startswith("SASL") and not (
            self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise ValueError("kafka_sasl_username and kafka_sasl_password must be set for SASL")
        for one, other in (("kafka_cert_file", "kafka_key_file"), ("temporal_cert_file", "temporal_key_file")):
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one} and {other} go together")
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name.endswith(("_ca_file", "_cert_file", "_key_file")) and value is not None and not value.is_file():
                raise ValueError(f"{name}: no file {value}")
        try:
            self.kafka_ssl()
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(f"kafka_ca_file, kafka_cert_file or kafka_key_file cannot be used: {error}") from None
        return self

    def kafka_ssl(self) -> ssl.SSLContext | None:
        """The TLS context for Kafka clients, or None where the protocol has no TLS."""
        if "SSL" not in self.kafka_security_protocol:
            return None
        context = ssl.create_default_context(cafile=str(self.kafka_ca_file) if self.kafka_ca_file else None)
        if self.kafka_cert_file and self.kafka_key_file:
            context.load_cert_chain(str(self.kafka_cert_file), str(self.kafka_key_file))
        return context


S = TypeVar("S", bound=Settings)


def read_settings(kind: type[S], **given: Any) -> S:
    """The settings of this process, or :class:`SettingsError` that names every wrong one with an example."""
    secrets = os.environ.get(PREFIX + "SECRETS_DIR")
    if secrets:
        given.setdefault("_secrets_dir", secrets)
    if secrets and not Path(secrets).is_dir():
        raise SettingsError(f"  {PREFIX}SECRETS_DIR: no folder {secrets}; for example {PREFIX}SECRETS_DIR=/run/secrets")
    try:
        return kind(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(kind, problem) for problem in error.errors())) from None


def settings_or_exit(kind: type[S]) -> S:
    """As :func:`read_settings`, for a process's first line: prints what is wrong and ends with exit code 2."""
    try:
        return read_settings(kind)
    except SettingsError as error:
        sys.stderr.write(f"cannot start: wrong settings\n{error}\n")
        raise SystemExit(2) from None


def _line(kind: type[Settings], problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    words = [str(problem["loc"][0])] if problem["loc"] else re.findall(r"[a-z_0-9]+", message)
    name = next((word for word in words if word in kind.model_fields), "?")
    field = kind.model_fields.get(name)
    example = field.examples[0] if field and field.examples else "see docs/running.md"
    return f"  {PREFIX}{name.upper()}: {message}; for example {PREFIX}{name.upper()}={example}"
