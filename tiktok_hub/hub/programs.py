"""The programs that make up a hub: broker, web, worker and beat, as services for the supervisor."""

import http.client
import os
import signal
import socket
import sys
from pathlib import Path

from django.conf import settings
from kombu.exceptions import OperationalError

from tiktok_hub.celery import app
from tiktok_hub.env import BASE_DIR
from tiktok_hub.hub.broker import broker_child, broker_ping
from tiktok_hub.hub.process import Child
from tiktok_hub.hub.supervisor import Service


def environment() -> dict[str, str]:
    """Return what every program needs in its environment to find this project and this data folder."""
    paths = [str(BASE_DIR), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "HUB_DATA_DIR": str(settings.HUB_DATA_DIR),
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "tiktok_hub.settings"),
    }


def worker_answers(seconds: float = 0.5) -> bool:
    """Say whether any worker answers on the broker."""
    try:
        with app.connection_for_write(connect_timeout=seconds, transport_options=quick_failure()) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            replies = app.control.broadcast("ping", reply=True, limit=1, timeout=seconds, connection=connection)
    except (OperationalError, OSError):
        return False
    return bool(replies)


def quick_failure() -> dict[str, object]:
    """Return the broker options of the settings without their patience."""
    return {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "socket_connect_timeout": 1.0}


def broker_service(lock: int) -> Service:
    """Return the embedded broker, which inherits `lock`."""
    data_dir: Path = settings.HUB_DATA_DIR
    return Service(broker_child(data_dir, pass_fds=(lock,)), lambda: broker_ping(data_dir))


def web_service(listener: socket.socket) -> Service:
    """Return the web server on a socket that is bound already."""
    command = [sys.executable, "-m", "tiktok_hub.hub.web", "--fd", str(listener.fileno())]
    child = Child("web", command, environment(), pass_fds=(listener.fileno(),))
    return Service(child, lambda: web_answers(listener))


def web_answers(listener: socket.socket) -> bool:
    """Say whether the web server answers at all."""
    host, port = listener.getsockname()[:2]
    connection = http.client.HTTPConnection(str(host), int(port), timeout=2.0)
    try:
        connection.request("HEAD", "/livez", headers={"Host": "localhost"})
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def worker_service(processes: int) -> Service:
    """Return a Celery worker with a pool of `processes`.

    When the supervisor is killed, the worker is too (it would wait for a broker that has gone): the broker hands out
    again what was not finished.
    """
    command = [sys.executable, "-m", "tiktok_hub.hub.worker", "--pool", "prefork"]
    command += ["-c", str(processes), "-n", f"hub-{os.getpid()}@%h"]
    command += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return Service(Child("worker", command, environment(), orphan_signal=signal.SIGKILL), worker_answers)


def beat_service() -> Service:
    """Return Celery's scheduler; it counts as working once it runs."""
    schedule = settings.HUB_DATA_DIR / "beat-schedule"
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "tiktok_hub", "beat", "--schedule", str(schedule)]
    command += ["--pidfile=", "--loglevel", "WARNING"]
    child = Child("beat", command, environment())
    return Service(child, lambda: child.alive)
