"""The trace of the demo's first submission, once every process has written its spans."""

import time
from dataclasses import dataclass
from pathlib import Path

from unioncard_cli.stack import Stack
from unioncard_cli.traces import Span, gaps, outline, spans_of, write_trace

# What an unbroken trace must hold, from the request to the notice's reply.
MILESTONES = ("POST /batches", "card.batch.submit.v1", "POST /partners/bank/answers", "card.batch.notify.v1")
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Found:
    """The trace as it was written."""

    path: Path
    spans: int
    services: list[str]
    verdict: str


def find(stack: Stack, trace_id: str) -> Found:
    """Collect the trace from the span files, and write it with its outline beside it."""
    folder = stack.place.state / "traces"
    deadline = time.monotonic() + PATIENCE_S
    while True:
        spans = spans_of(folder, trace_id)
        missing = missing_milestones(spans)
        # Spans are written when they end, the longest last.
        if (not missing and not gaps(spans)) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    path = folder / f"demo-{trace_id}.json"
    write_trace(path, spans)
    path.with_suffix(".txt").write_text("\n".join(outline(spans)), encoding="utf-8")
    broken = gaps(spans)
    verdict = "unbroken" if not missing and not broken else f"missing {missing}, {len(broken)} spans without parent"
    return Found(path, len(spans), sorted({span.service for span in spans}), verdict)


def missing_milestones(spans: list[Span]) -> list[str]:
    """Milestones that no span's name holds."""
    return [wanted for wanted in MILESTONES if not any(wanted in span.name for span in spans)]
