"""Write all numbers in Prometheus' text format."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import cast

import redis
from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from tiktok_hub.metrics.families import FAMILIES, Counter, Histogram
from tiktok_hub.metrics.gauges import gauges
from tiktok_hub.metrics.recording import broker, counts_key, flush

Counts = dict[str, dict[tuple[str, ...], float]]


class HubCollector(Collector):
    """The hub's numbers, as the Prometheus client asks for them."""

    def collect(self) -> Iterator[Metric]:
        """Yield counters and histograms from Redis, then the gauges."""
        flush()
        counts = counts_read()
        for family in FAMILIES:
            yield _counter(family, counts) if isinstance(family, Counter) else _histogram(family, counts)
        yield from gauges()


def metrics_text() -> bytes:
    """Return the page."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HubCollector())
    return generate_latest(registry)


def counts_read() -> Counts:
    """Return the shared counts: name → label values → number; nothing while Redis is away.

    Counts that were made with the tenant as label are added up where it is not wanted any more.
    """
    try:
        stored = cast("dict[bytes, bytes]", broker(settings.REDIS_URL).hgetall(counts_key()))
    except (redis.RedisError, OSError):
        return {}
    counts: Counts = defaultdict(lambda: defaultdict(float))
    for field, value in stored.items():
        name, tenant, *labels = json.loads(field)
        counts[name][(*labels, tenant) if settings.HUB_METRICS_TENANTS else tuple(labels)] += float(value)
    return counts


def _labels(family: Counter | Histogram) -> list[str]:
    return [*family.labels, "tenant"] if settings.HUB_METRICS_TENANTS else list(family.labels)


def _counter(family: Counter, counts: Counts) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=_labels(family))
    for labels, value in sorted(counts.get(family.name, {}).items()):
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Histogram, counts: Counts) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=_labels(family))
    bounds = [*(str(bound) for bound in family.buckets), "+Inf"]
    for labels, total in sorted(counts.get(f"{family.name}:sum", {}).items()):
        reached, buckets = 0.0, []
        for number, bound in enumerate(bounds):
            reached += counts.get(f"{family.name}:{number}", {}).get(labels, 0.0)
            buckets.append((bound, reached))
        metric.add_metric(labels, buckets, total)
    return metric
