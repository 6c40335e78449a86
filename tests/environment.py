"""Set the environment of the tests before Django reads it; loaded as a pytest plugin, ahead of every conftest.

Tests never touch a real installation's data. Databases and brokers come from `tests/run.py`; without it the tests run
on SQLite.
"""

import os
import tempfile
from pathlib import Path

DATA = Path(tempfile.mkdtemp(prefix="hub-tests-"))

os.environ["HUB_DATA_DIR"] = str(DATA)
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "0" * 50)
os.environ.setdefault("HUB_ENCRYPTION_KEYS", "only-for-tests")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{DATA / 'hub.sqlite3'}")
os.environ.setdefault("HUB_RETRY_SECONDS", "0.05,0.1,0.2")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser tests' event loop and the ORM share a thread
os.environ["TIKTOK_APP_ID"] = "7000000000000000001"
os.environ["TIKTOK_APP_SECRET"] = "emulator-secret"
# Nothing may leave the machine: a test that forgets to start the emulator talks to a closed port.
os.environ["TIKTOK_API_URL"] = "http://127.0.0.1:9/open_api/v1.3/"
os.environ["TIKTOK_AUTH_URL"] = "http://127.0.0.1:9/portal/auth"
