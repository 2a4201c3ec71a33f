"""What ``/metrics`` counts, in Prometheus' form. No label holds anything that a visitor chose.

`ui.web.http.lifecycle` calls it once a request; lines about a request are `ui.web.http.logs`'.
"""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from inference import Catalogue, __version__
from ui.request import RequestRecord

_KNOWN_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram of answering times, in seconds: from a short answer to a large volume."""


class Metrics:
    """The counters of one server.

    Parameters
    ----------
    models : Catalogue
        Each is listed by name and version.
    """

    def __init__(self, models: Catalogue) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # process_resident_memory_bytes and the like
        self._requests = Counter(
            "gyrus_requests_total", "Requests that were answered", ("route", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "gyrus_request_seconds", "Time to the end of an answer", ("route",), buckets=_BUCKETS_S, registry=registry
        )
        self.in_flight = Gauge("gyrus_requests_in_flight", "Requests that are being answered", registry=registry)
        self._answers = Counter("gyrus_answers_total", "Answers by verdict", ("model", "verdict"), registry=registry)
        self._errors = Counter("gyrus_errors_total", "Errors that a visitor was told", ("kind",), registry=registry)
        Gauge("gyrus_info", "The program", ("version",), registry=registry).labels(__version__).set(1)
        loaded = Gauge("gyrus_model_loaded", "Whether a model is in memory", ("model", "version"), registry=registry)
        for name, bundle in models.bundles.items():
            loaded.labels(name, bundle.version).set_function(partial(_is_loaded_number, models, name))

    def count(self, record: RequestRecord, method: str, route: str, status: int, duration_s: float) -> None:
        """Count a request that has come to its end."""
        self._requests.labels(route, method if method in _KNOWN_METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(duration_s)
        for model, verdict in record.answers:
            self._answers.labels(model, verdict).inc()
        for kind in record.errors:
            self._errors.labels(kind).inc()

    def render(self) -> bytes:
        """Write every counter in the form that Prometheus reads."""
        return generate_latest(self._registry)


def _is_loaded_number(models: Catalogue, name: str) -> float:
    """1 if the model is in memory, else 0: a gauge holds a number."""
    return float(models.is_loaded(name))


def add_metrics(app: FastAPI, metrics: Metrics) -> None:
    """Add the route ``/metrics``."""

    @app.get("/metrics", tags=["operation"], summary="Counters for Prometheus", response_class=Response)
    def show_metrics() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)
