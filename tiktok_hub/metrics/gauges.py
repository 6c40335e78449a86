"""What is true now: read when Prometheus asks, not more often than every few seconds."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import redis
from django.conf import settings
from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily

from tiktok_hub.health import beat_age
from tiktok_hub.metrics.recording import broker

logger = logging.getLogger(__name__)

KEPT_SECONDS = 5.0
Source = Callable[[], Iterable[GaugeMetricFamily]]


def gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    """Make a gauge with one value; without one it has no sample."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def gauges_add(part: str, source: Source) -> None:
    """Let `source` be asked, too; `part` names what it reads (`database`, `storage`), for when that does not answer."""
    _sources.append((part, source))


def gauges() -> list[GaugeMetricFamily]:
    """Return all gauges, none older than KEPT_SECONDS; those of a part that does not answer are left out."""
    with _lock:
        if time.monotonic() >= _Kept.until:
            _Kept.families = list(_read())
            _Kept.until = time.monotonic() + KEPT_SECONDS
        return _Kept.families


class _Kept:
    """What was read last."""

    families: list[GaugeMetricFamily] = []  # noqa: RUF012
    until = 0.0


def _read() -> Iterator[GaugeMetricFamily]:
    up = GaugeMetricFamily("hub_part_up", "Whether a part answered while metrics were read.", labels=["part"])
    parts: dict[str, bool] = {}
    for part, source in _sources:
        try:
            yield from list(source())
        except (DatabaseError, redis.RedisError, OSError) as error:
            logger.warning("metrics of the %s cannot be read: %s", part, type(error).__name__)
            parts[part] = False
        else:
            parts.setdefault(part, True)
    for part, answered in parts.items():
        up.add_metric([part], float(answered))
    yield up


def _broker_gauges() -> Iterator[GaugeMetricFamily]:
    queue = f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}celery"
    waiting = broker(settings.REDIS_URL).llen(queue)
    yield gauge("hub_queue_tasks", "Tasks in the broker that no worker has taken.", float(str(waiting)))
    yield gauge("hub_beat_age_seconds", "Seconds since background work last gave a sign of life.", beat_age())


_lock = threading.Lock()
_sources: list[tuple[str, Source]] = [("broker", _broker_gauges)]
