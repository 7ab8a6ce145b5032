"""One trace out of the span files that the processes write: collected, checked for gaps, written as one file."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """One finished span."""

    id: str
    parent: str | None
    name: str
    service: str
    start: str
    raw: dict[str, Any]


def spans_of(folder: Path, trace_id: str) -> list[Span]:
    """All spans of one trace from every ``*.jsonl`` in the folder, in order of their start."""
    wanted = f"0x{trace_id}"
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            found += [_span(line) for line in lines if trace_id in line and _whole(line)]
    return sorted((span for span in found if span.raw["context"]["trace_id"] == wanted), key=lambda span: span.start)


def _whole(line: str) -> bool:
    # A process that was killed may have left half a line.
    return line.endswith("}\n")


def _span(line: str) -> Span:
    raw = json.loads(line)
    return Span(
        id=raw["context"]["span_id"],
        parent=raw["parent_id"],
        name=raw["name"],
        service=raw["resource"]["attributes"]["service.name"],
        start=raw["start_time"],
        raw=raw,
    )


def gaps(spans: Sequence[Span]) -> list[Span]:
    """Spans whose parent is not in the trace; in an unbroken one only the first is (its parent is the caller's)."""
    known = {span.id for span in spans}
    return [span for span in spans[1:] if span.parent is not None and span.parent not in known]


def write_trace(path: Path, spans: Iterable[Span]) -> None:
    """The trace as one JSON document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([span.raw for span in spans], ensure_ascii=False, indent=1), encoding="utf-8")


def outline(spans: Sequence[Span]) -> list[str]:
    """The trace as an indented list, service and name a line."""
    children: dict[str | None, list[Span]] = {}
    known = {span.id for span in spans}
    for span in spans:
        children.setdefault(span.parent if span.parent in known else None, []).append(span)

    def lines(parent: str | None, depth: int) -> list[str]:
        return [
            line
            for span in children.get(parent, [])
            for line in [f"{'  ' * depth}{span.service}: {span.name}", *lines(span.id, depth + 1)]
        ]

    return lines(None, 0)
