"""Every counter and histogram of the hub, declared in one place: name, what it says, labels, buckets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counter:
    """Something that is counted; Prometheus shows it as `<name>_total`."""

    name: str
    help: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Something that is measured; `buckets` are upper bounds, the last one (infinity) goes without saying."""

    name: str
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...]


ROWS = Counter(
    "hub_rows",
    "Rows of queries by outcome: selected, rejected, duplicate are rows; accepted, refused, unknown are events, or "
    "entries of audience requests.",
    ("plugin", "outcome"),
)
REQUESTS = Counter(
    "hub_tiktok_requests",
    "HTTP requests to TikTok by endpoint and return code; without one: unreachable (not sent), lost (sent, no answer "
    "read), http_NNN (an answer without a code), misconfigured.",
    ("endpoint", "code"),
)
REQUEST_SECONDS = Histogram(
    "hub_tiktok_request_seconds",
    "Duration of HTTP requests to TikTok.",
    ("endpoint",),
    (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
THROTTLES = Counter("hub_tiktok_throttles", "Answers in which TikTok asked for fewer requests.", ("endpoint",))
WAITS = Counter("hub_limiter_waits", "Requests that waited for their turn below TikTok's rate limits.", ("endpoint",))
WAIT_SECONDS = Counter("hub_limiter_wait_seconds", "Seconds for which requests waited for their turn.", ("endpoint",))
REFUSALS = Counter("hub_limiter_refusals", "Requests that were put off: their turn was too far away.", ("endpoint",))
RUN_SECONDS = Histogram(
    "hub_run_seconds",
    "Duration of runs from start to end, by how they ended.",
    ("plugin", "status"),
    (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0),
)
ALERTS = Counter("hub_alert_messages", "Tries to send a message of alerts, by what came of it.", ("kind", "outcome"))

FAMILIES: tuple[Counter | Histogram, ...] = (
    *(ROWS, REQUESTS, REQUEST_SECONDS, THROTTLES),
    *(WAITS, WAIT_SECONDS, REFUSALS, RUN_SECONDS, ALERTS),
)
