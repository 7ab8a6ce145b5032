"""Logs, metrics and traces: one start-up call for every process.

Logs are JSON lines in English and carry no personal data: ids, counts, codes and durations only.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.exc import DBAPIError

from unioncard.settings import Settings

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

outbox_oldest_age = Gauge("outbox_oldest_age_seconds", "Age of the oldest message not yet sent")
outbox_waiting = Gauge("outbox_waiting", "Messages in the outbox")
outbox_refused = Gauge("outbox_refused", "Messages the broker refused for good; an operator must look")
messages_sent = Counter("messages_sent_total", "Messages the relay has sent", ["topic"])
consumer_lag = Gauge("consumer_lag", "Messages not yet handled", ["topic", "partition"])
messages_handled = Counter("messages_handled_total", "Messages handled", ["type"])
inbox_duplicates = Counter("inbox_duplicates_total", "Messages that came again and counted once", ["type"])
dead_letters = Counter("dead_letters_total", "Messages set aside as poison", ["topic"])
consumer_restarts = Counter("consumer_restarts_total", "Consumers that restarted themselves", ["why"])
batch_fallbacks = Counter("batch_fallbacks_total", "Batches that failed whole and went one by one")
command_seconds = Histogram(
    "command_seconds", "From a command's creation to its stored answer", ["type"], buckets=SECONDS
)
http_seconds = Histogram("http_seconds", "HTTP requests", ["method", "route", "status"], buckets=SECONDS)
partner_seconds = Histogram("partner_seconds", "Calls to partners", ["partner", "outcome"], buckets=SECONDS)
partner_waiting = Gauge("partner_calls_waiting", "Calls to partners recorded and not yet answered", ["partner"])

_tracer = trace.get_tracer("unioncard")


class SpanFile(SpanExporter):
    """Writes each finished span as one line of JSON, for machines without a collector."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        # One write: several processes append to the same file, and lines must not run into each other.
        self._file.write("".join(span.to_json(indent=None) + "\n" for span in spans).encode())
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()


def start_telemetry(service: str, settings: Settings) -> None:
    """Configure logging and tracing for this process. Call once, first."""
    configure_logging(service, settings.log_level)
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
    )
    if settings.trace_file:
        provider.add_span_processor(BatchSpanProcessor(SpanFile(settings.trace_file), schedule_delay_millis=1000))
    if settings.trace_otlp:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.trace_otlp)))
    trace.set_tracer_provider(provider)


def configure_logging(service: str, level: str) -> None:
    """JSON lines on standard error, standard library loggers included."""
    number = logging.getLevelNamesMapping()[level]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _exception_without_values,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for noisy in ("aiokafka", "httpx", "httpcore", "uvicorn.access", "asyncio"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def kind_and_place(error: BaseException) -> str:
    """What kind of error and where in our code, for reasons and logs. The error's own text may carry personal data:
    what PostgreSQL says of a failed row holds the row, what ``int()`` says holds what it was given."""
    place = "?"
    for frame in traceback.extract_tb(error.__traceback__):
        if place == "?" or "site-packages" not in frame.filename:
            place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = f" {cause.sqlstate}" if isinstance(cause, psycopg.Error) and cause.sqlstate else ""
    return f"{type(error).__name__}{state} at {place}"


def _exception_without_values(_logger: Any, _name: str, event: Any) -> Any:
    """The chain of errors as kinds and places, in place of a traceback with texts and values."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    chain: list[str] = []
    while isinstance(error, BaseException) and len(chain) < 10:
        frames = traceback.extract_tb(error.__traceback__)[-15:]
        places = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in reversed(frames))
        chain.append(f"{kind_and_place(error)}: {places}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if chain:
        event["error_chain"] = chain
    return event


def _add_trace(_logger: Any, _name: str, event: Any) -> Any:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace"] = f"{context.trace_id:032x}"
    return event


def current_traceparent() -> str | None:
    """The W3C ``traceparent`` of the span this code runs in, to be carried by a message or a stored row."""
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return None
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"


def is_kept(traceparent: str | None) -> bool:
    """Whether someone upstream decided to keep this trace; spans of others cost time and are thrown away."""
    try:
        return traceparent is not None and int(traceparent[-2:], 16) & 1 == 1
    except ValueError:
        return False


def context_of(traceparent: str | None) -> Context | None:
    """The context that a message or request carried, or None where it carried none."""
    return propagate.extract({"traceparent": traceparent}) if traceparent else None


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    attributes: dict[str, str | int] | None = None,
) -> Iterator[trace.Span]:
    """A span that continues ``parent`` (a traceparent) if given, else the current one."""
    with _tracer.start_as_current_span(name, context=context_of(parent), kind=kind, attributes=attributes) as opened:
        yield opened
