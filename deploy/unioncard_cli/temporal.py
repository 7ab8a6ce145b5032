"""Temporal's development server with its Web UI, on a file so that it survives kill -9."""

import shutil
import sys
from pathlib import Path

from unioncard_cli.place import HOST, Place, StackError
from workflows.attribute_types import SEARCH_ATTRIBUTES


def prepare(place: Place) -> None:
    (place.state / "temporal").mkdir(parents=True, exist_ok=True)


def command(place: Place) -> list[str]:
    """The flags are measured: WAL doubles the throughput, the poll limits take away a flat 50 ms per step."""
    words = [
        binary(),
        "server",
        "start-dev",
        f"--ip={HOST}",
        f"--port={place.port('temporal')}",
        f"--ui-port={place.port('temporal-ui')}",
        f"--metrics-port={place.port('temporal-metrics')}",
        f"--db-filename={place.state / 'temporal' / 'temporal.sqlite'}",
        "--sqlite-pragma=journal_mode=wal",
        "--sqlite-pragma=synchronous=normal",
        "--dynamic-config-value=history.transferProcessorMaxPollRPS=100",
        "--dynamic-config-value=history.timerProcessorMaxPollRPS=100",
        "--log-level=warn",
    ]
    namespace = place.environment()["UNIONCARD_TEMPORAL_NAMESPACE"]
    if namespace != "default":
        words.append(f"--namespace={namespace}")
    return words + [f"--search-attribute={name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()]


def binary() -> str:
    """The ``temporal`` of the package, which lies beside this Python; one elsewhere on the PATH serves too."""
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if not found:
        raise StackError("the temporal binary is not installed", "run: make setup")
    return found
