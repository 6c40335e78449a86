"""Numbers for Prometheus: counters that all processes share, gauges read when they are asked for.

Counters live in Redis, so that they are right with any number of web and worker processes on any number of machines,
and go on where these restart. A process adds its counts up and hands them over once a second, behind the work's back;
a Redis that is away delays them and costs nothing else.
"""

from tiktok_hub.metrics.families import Counter, Histogram
from tiktok_hub.metrics.gauges import gauges_add
from tiktok_hub.metrics.recording import count, flush, observe, tenant_label

__all__ = ["Counter", "Histogram", "count", "flush", "gauges_add", "observe", "tenant_label"]
