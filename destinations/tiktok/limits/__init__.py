"""Keep below TikTok's rate limits, together with all other workers, and fairly between tenants."""

from destinations.tiktok.limits.base import Limiter
from destinations.tiktok.limits.buckets import (
    ENDPOINT_QPS,
    LEVEL_QPS,
    Bucket,
    audience_buckets,
    endpoint_bucket,
    track_buckets,
)
from destinations.tiktok.limits.memory import MemoryLimiter
from destinations.tiktok.limits.shared import RedisLimiter

__all__ = [
    "ENDPOINT_QPS",
    "LEVEL_QPS",
    "Bucket",
    "Limiter",
    "MemoryLimiter",
    "RedisLimiter",
    "audience_buckets",
    "endpoint_bucket",
    "track_buckets",
]
