"""A pytest plugin that gives each parallel test process its own database number and key prefix on the broker."""

import os
from urllib.parse import urlsplit, urlunsplit

DATABASES = 16


def separate(url: str, process: str) -> str:
    """Return `url` with a database number of its own for a pytest-xdist process (`gw0`, `gw1` …)."""
    parts = urlsplit(url)
    first = int(parts.path.strip("/") or 0) if parts.scheme.startswith("redis") else 0
    number = (first + int(process.removeprefix("gw"))) % DATABASES
    return urlunsplit(parts._replace(path=f"/{number}")) if parts.scheme.startswith("redis") else url


if "REDIS_URL" in os.environ:
    process = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    os.environ["REDIS_URL"] = os.environ["TEST_REDIS_URL"] = separate(os.environ["REDIS_URL"], process)
    os.environ["HUB_BROKER_PREFIX"] = f"test-{os.getpid()}:"
