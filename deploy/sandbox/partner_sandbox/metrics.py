"""What Prometheus sees of the sandbox."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

# A registry of its own: the default one also holds the metrics of the services, which say nothing here.
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter("sandbox_requests_total", "Requests to partners", ["partner", "outcome", "fault"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "sandbox_request_seconds", "Time to answer, set delays included", ["partner"], registry=REGISTRY
)
MEMBERS = Counter("sandbox_members_total", "Members the bank has answered", ["status"], registry=REGISTRY)
DOUBLE_ISSUES = Counter("sandbox_double_issues_total", "Second cards made for members", registry=REGISTRY)
PAYOUTS = Counter("sandbox_payouts_total", "Payouts the bank has answered", ["status"], registry=REGISTRY)
CALLBACKS = Counter("sandbox_callback_tries_total", "Tries to deliver an answer", ["result"], registry=REGISTRY)
ANSWERS_PENDING = Gauge("sandbox_answers_pending", "Accepted batches without an outcome yet", registry=REGISTRY)
CALLBACKS_PENDING = Gauge("sandbox_callbacks_pending", "Answers still to be delivered", registry=REGISTRY)
