"""Dashboards and alert rules name metrics that the code has, and pages that the documentation has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from unioncard_cli.place import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "observability"
#: Of Prometheus itself and of its Python client.
GIVEN = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}
#: Words of PromQL that stand where a metric's name could.
WORDS = {
    *("sum", "count", "max", "min", "rate", "increase", "histogram_quantile", "topk", "min_over_time"),
    *("by", "or", "and", "unless", "offset"),
}


def _metrics() -> dict[str, set[str]]:
    """Name → labels of every metric in the code."""
    found: dict[str, set[str]] = {}
    for room in ("shared", "services", "workflows", "deploy/sandbox"):
        for path in (REPOSITORY / room).rglob("*.py"):
            for kind, name, rest in re.findall(
                r"\b(Counter|Gauge|Histogram)\(\s*\"(\w+)\",\s*\"[^\"]*\"(.*?)\)\n",
                path.read_text(encoding="utf-8"),
                re.S,
            ):
                listed = re.search(r"\[([^\]]*)\]", rest)
                labels = set(re.findall(r"\"(\w+)\"", listed[1])) if listed else set()
                for suffix in ("_bucket", "_count", "_sum") if kind == "Histogram" else ("",):
                    found[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


def _expressions() -> Iterator[tuple[str, str]]:
    for group in _alerts()["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for path in sorted((FOLDER / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.name}: {panel['title']}", target["expr"]


def _alerts() -> Any:
    return yaml.safe_load((FOLDER / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("where", "expression"), list(_expressions()))
def test_every_metric_and_label_exists(where: str, expression: str) -> None:
    metrics = _metrics()
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\"[^\"]*\"", " ", expression)
    named = set(re.findall(r"\b[a-z_]+\b(?!\s*\()", bare)) - WORDS - {"m", "h"}
    assert named
    assert named - set(metrics) - GIVEN == set(), where
    labels = {"job", "instance"}.union(*(metrics.get(name, set()) for name in named))
    used = set(re.findall(r"[{,]\s*(\w+)\s*=", expression))
    for listed in re.findall(r"\bby \(([^)]*)\)", expression):
        used |= {label.strip() for label in listed.split(",")}
    assert used <= labels, where
    assert expression.count("(") == expression.count(")"), where


def test_every_alert_says_what_it_means_and_where_to_read_on() -> None:
    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page, re.M)
    }
    for group in _alerts()["groups"]:
        for rule in group["rules"]:
            notes = rule["annotations"]
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert re.search(r"[一-鿿]", notes["summary"])
            assert re.search(r"[一-鿿]", notes["description"])
            document, _, anchor = notes["runbook"].partition("#")
            assert document == "docs/operations.md"
            assert anchor in anchors, f"{rule['alert']}: no heading #{anchor}"


def test_prometheus_looks_at_every_container_that_has_metrics() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    config = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = {target for job in config["scrape_configs"] for one in job["static_configs"] for target in one["targets"]}
    for name in ("member-svc", "card-svc", "insurance-svc", "claims-svc", "workflows", "sandbox"):
        assert f"{name}:{compose[name]['environment']['UNIONCARD_PORT']}" in targets
    worker = compose["workflows"]["environment"]["UNIONCARD_WORKER_METRICS"].rpartition(":")[2]
    assert f"workflows:{worker}" in targets
    assert "temporal:" + compose["temporal"]["environment"]["PROMETHEUS_ENDPOINT"].rpartition(":")[2] in targets
