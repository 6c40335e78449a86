"""Serve the web pages and the collector with uvicorn on a socket that the supervisor holds open.

The socket outlives this process: connections that come while it is being restarted wait in its queue.
"""

import argparse
import socket

import uvicorn

MOST_CONNECTIONS = 2_000
GRACE_SECONDS = 15


def main() -> None:
    """Serve until SIGTERM; requests that are running then are finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="number of the listening socket that we inherit")
    arguments = parser.parse_args()
    config = uvicorn.Config(
        "tiktok_hub.asgi:application",
        http="httptools",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # the hub looks at them itself, see `acting.client_ip`
        server_header=False,
        headers=[("Server", "tiktok_hub")],
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=arguments.fd)])


if __name__ == "__main__":
    main()
