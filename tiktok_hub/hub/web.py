"""Serve the web pages and the collector with uvicorn: `python -m tiktok_hub.hub.web --port 8000 --workers 3`.

The supervisor hands over a socket that it holds open (`--fd`): connections that come while this process is being
restarted wait in its queue.
"""

import argparse
import socket
from typing import Any

import uvicorn

APPLICATION = "tiktok_hub.asgi:application"
MOST_CONNECTIONS = 2_000
GRACE_SECONDS = 15
OPTIONS: dict[str, Any] = {
    "http": "httptools",
    "lifespan": "off",
    "ws": "none",
    "log_config": None,  # the application's holds for all loggers
    "access_log": False,
    "proxy_headers": False,  # the hub looks at them itself, see `acting.client_ip`
    "server_header": False,
    "headers": [("Server", "tiktok_hub")],
    "limit_concurrency": MOST_CONNECTIONS,
    "timeout_graceful_shutdown": GRACE_SECONDS,
}


def main() -> None:
    """Serve until SIGTERM; requests that are running then are finished."""
    parser = argparse.ArgumentParser(prog="python -m tiktok_hub.hub.web", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen at (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--fd", type=int, help="number of a listening socket that is inherited, instead of a port")
    given = parser.parse_args()
    if given.fd is None:
        uvicorn.run(APPLICATION, host=given.host, port=given.port, workers=given.workers, **OPTIONS)
    else:
        uvicorn.Server(uvicorn.Config(APPLICATION, **OPTIONS)).run(sockets=[socket.socket(fileno=given.fd)])


if __name__ == "__main__":
    main()
