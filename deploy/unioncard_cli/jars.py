"""Kafka's jars from Maven Central: exactly those of ``deploy/kafka/jars.lock``, each checked by its SHA-256.

``python -m unioncard_cli.jars`` (``make lock``) resolves the broker's dependencies anew and writes that file.
"""

import fcntl
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unioncard_cli.place import REPOSITORY, StackError

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

#: The broker, and a logging backend, without which it logs nothing. 4.4.0 does not resolve: a jar of it is missing.
WANTED = "org.apache.kafka:kafka_2.13:4.3.1+org.slf4j:slf4j-simple:1.7.36"
LOCK = REPOSITORY / "deploy" / "kafka" / "jars.lock"
#: Is told of bytes fetched so far, and of bytes in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def locked() -> list[Jar]:
    """The jars that the lock file names, in class path order."""
    jars = []
    for line in LOCK.read_text().splitlines():
        coordinates, sha256, size = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group, artifact, version, sha256, int(size)))
    return jars


def folder(cache: Path) -> Path:
    """Named after the lock file's contents, so that a new lock never meets old jars."""
    return cache / "kafka" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]


def paths(cache: Path) -> list[Path]:
    return [folder(cache) / jar.filename for jar in locked()]


def missing(cache: Path) -> list[Jar]:
    return [jar for jar in locked() if not (folder(cache) / jar.filename).exists()]


def fetch(cache: Path, progress: Progress = lambda done, total: None) -> None:
    """Fetches what is missing. A jar is there whole and checked, or not at all: it can be interrupted at any time."""
    if not missing(cache):
        return
    with alone(cache):
        wanted = missing(cache)
        total, done = sum(jar.size for jar in wanted), 0
        with tempfile.TemporaryDirectory(dir=folder(cache), ignore_cleanup_errors=True) as scratch:
            context, pool = _maven(scratch), ThreadPoolExecutor(8)
            try:
                for jar in pool.map(lambda jar: _fetch_one(context, jar, folder(cache)), wanted):
                    done += jar.size
                    progress(done, total)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not wait for the rest


def _fetch_one(context: "MavenContext", jar: Jar, target: Path) -> Jar:
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        path = _download(context, artifact)
    except Exception as error:
        raise StackError(
            f"{jar.filename} could not be fetched from Maven Central: {error}",
            "check the network (a proxy goes into HTTPS_PROXY), then run the same command again: it goes on from here",
        ) from error
    if hashlib.sha256(path.read_bytes()).hexdigest() != jar.sha256:
        raise StackError(f"{jar.filename} is not the file that {LOCK.name} names", "do not use it; report it")
    os.replace(path, target / jar.filename)
    return jar


def _download(context: "MavenContext", artifact: "Artifact") -> Path:
    path = context.resolver.download(artifact)
    if path is None:
        raise FileNotFoundError(str(artifact))
    return path


@contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Two stacks with one cache: the second waits, then finds everything there."""
    folder(cache).mkdir(parents=True, exist_ok=True)
    with open(folder(cache) / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_lock() -> int:
    """Resolves :data:`WANTED` with its run-time dependencies and writes the lock file. Returns how many jars."""
    from jgo.parse import Endpoint

    with tempfile.TemporaryDirectory() as scratch:
        context = _maven(scratch)
        roots = [
            context.create_dependency(replace(coordinate, scope="compile"))
            for coordinate in Endpoint.parse(WANTED).coordinates
        ]
        given, found = context.resolver.resolve(roots)
        lines = []
        for dependency in [*given, *(one for one in found if one.scope in ("compile", "runtime"))]:
            artifact = dependency.artifact
            content = _download(context, artifact).read_bytes()
            name = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
            lines.append(f"{name} {hashlib.sha256(content).hexdigest()} {len(content)}\n")
    LOCK.write_text("".join(sorted(lines)))
    return len(lines)


def _maven(repository: str) -> "MavenContext":
    from jgo.maven import MavenContext  # here, because it takes a while and is seldom needed

    return MavenContext(repo_cache=Path(repository), timeout=60)


if __name__ == "__main__":
    sys.stdout.write(f"{LOCK}: {write_lock()} jars\n")
