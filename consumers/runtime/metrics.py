"""Prometheus objects by the typed list of names in `schemas.metrics`: registered once, in one place."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from schemas.metrics import METRICS, MetricName

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


def _described(name: MetricName, kind: str) -> tuple[str, str, tuple[str, ...]]:
    metric = METRICS[name]
    if metric.kind != kind:
        message = f"{name} is a {metric.kind}, not a {kind}"
        raise TypeError(message)
    return name, metric.help, metric.labels


@cache
def counter(name: MetricName) -> Counter:
    """Return the counter of that name."""
    return Counter(*_described(name, "counter"))


@cache
def gauge(name: MetricName) -> Gauge:
    """Return the gauge of that name."""
    return Gauge(*_described(name, "gauge"))


@cache
def histogram(name: MetricName) -> Histogram:
    """Return the histogram of that name; all are in seconds."""
    name_, text, labels = _described(name, "histogram")
    return Histogram(name_, text, labels, buckets=_BUCKETS)
