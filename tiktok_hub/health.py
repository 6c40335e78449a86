"""Say whether this installation can do its work: database, broker, storage, and the beat of background work.

`/livez` says that the web process answers, for whoever restarts it; `/healthz` and `/readyz` look at everything it
needs, for monitors and for whoever sends people to it. None needs a log-in, and none tells more than a sentence for
each part.
"""

import logging
import secrets
import time
from collections.abc import Callable

import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

logger = logging.getLogger(__name__)

BROKER_SECONDS = 2.0
# Beats that may be missed before background work counts as standing still.
_BEATS, _BEATS_LEAST = 6, 60.0


class NotReadyError(Exception):
    """A part of the installation that cannot do its work, with a sentence that names nothing secret."""


def beat_note() -> None:
    """Note that beat and a worker are at work: called by the task that beat starts most often."""
    _broker().set(_key(), repr(time.time()))


def beat_age() -> float | None:
    """Return for how many seconds beat has given no sign of life; None where it never did. Raise RedisError."""
    noted = _broker().get(_key())
    return time.time() - float(str(noted, "ascii") if isinstance(noted, bytes) else str(noted)) if noted else None


def readiness() -> dict[str, str]:
    """Look at every part; return part → `ok`, or a sentence on what is wrong."""
    return {name: _look(name, check) for name, check in CHECKS.items()}


def _look(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except NotReadyError as error:
        logger.warning("not ready: %s: %s", name, error)
        return str(error)
    return "ok"


def _database() -> None:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise NotReadyError("Migrations have not been applied: run manage.py migrate.")
    except DatabaseError as error:
        raise NotReadyError(f"The database does not answer ({type(error).__name__}).") from None


def _ping() -> None:
    try:
        _broker().ping()
    except redis.RedisError as error:
        raise NotReadyError(f"The broker does not answer ({type(error).__name__}).") from None


def _storage() -> None:
    """Write a small file, read it back and remove it."""
    name, content = f"health/{secrets.token_hex(8)}", secrets.token_bytes(16)
    try:
        default_storage.save(name, ContentFile(content))
        with default_storage.open(name) as file:
            same = file.read() == content
        default_storage.delete(name)
    except OSError as error:
        raise NotReadyError(f"The storage cannot be written ({type(error).__name__}).") from None
    if not same:
        raise NotReadyError("The storage gave back other bytes than were written.")


def _beat() -> None:
    try:
        age = beat_age()
    except redis.RedisError as error:
        raise NotReadyError(f"Background work cannot be seen ({type(error).__name__}).") from None
    if age is None:
        raise NotReadyError("Background work has not begun: is a worker and beat running?")
    if age > max(_BEATS * settings.HUB_SWEEP_SECONDS, _BEATS_LEAST):
        raise NotReadyError(f"Background work has stood still for {age:.0f} s.")


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "broker": _ping, "storage": _storage, "beat": _beat}


def _broker() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
    )


def _key() -> str:
    return f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}beat"
