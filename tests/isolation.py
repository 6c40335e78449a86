"""A pytest plugin that gives every test process an environment of its own, before Django reads it.

It must be loaded with `-p tests.isolation`: pytest-django reads the settings before any conftest is imported. Data
folder, keys and retries are the tests' own, nothing leaves the machine, and processes that run side by side
(pytest-xdist) use different databases of one server. Databases and brokers come from `tests/run.py`; without it the
tests run on SQLite.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

BROKER_DATABASES = 16


def separate(url: str, process: str) -> str:
    """Return `url` with a database number of its own for a pytest-xdist process (`gw0`, `gw1` …)."""
    parts = urlsplit(url)
    if not parts.scheme.startswith("redis"):
        return url
    number = (int(parts.path.strip("/") or 0) + int(process.removeprefix("gw"))) % BROKER_DATABASES
    return urlunsplit(parts._replace(path=f"/{number}"))


def isolate() -> None:
    """Set the environment of this test process."""
    data = Path(tempfile.mkdtemp(prefix="hub-tests-"))
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    os.environ["HUB_DATA_DIR"] = str(data)
    os.environ["SECRET_KEY"] = "only-for-tests-" + "0" * 50
    os.environ["HUB_ENCRYPTION_KEYS"] = "only-for-tests"
    os.environ["TIKTOK_APP_ID"] = "7000000000000000001"
    os.environ["TIKTOK_APP_SECRET"] = "emulator-secret"
    # A test that forgets to start the emulator talks to a closed port, not to TikTok.
    os.environ["TIKTOK_API_URL"] = "http://127.0.0.1:9/open_api/v1.3/"
    os.environ["TIKTOK_AUTH_URL"] = "http://127.0.0.1:9/portal/auth"
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    if os.environ.get("DATABASE_URL", "sqlite:").startswith("sqlite:"):
        os.environ["DATABASE_URL"] = f"sqlite:///{data / 'hub.sqlite3'}"
    elif process:
        parts = urlsplit(os.environ["DATABASE_URL"])
        os.environ["DATABASE_URL"] = urlunsplit(parts._replace(path=f"{parts.path}_{process}"))
    os.environ["HUB_LINK_REQUESTS_PER_MINUTE"] = "100000"  # all tests come from one address
    os.environ.setdefault("HUB_RETRY_SECONDS", "0.05,0.1,0.2")
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser tests' event loop and the ORM share a thread
    if "REDIS_URL" in os.environ:
        url = separate(os.environ["REDIS_URL"], process or "gw0")
        os.environ["REDIS_URL"] = os.environ["TEST_REDIS_URL"] = url
        os.environ["HUB_BROKER_PREFIX"] = f"test-{os.getpid()}:"


isolate()
