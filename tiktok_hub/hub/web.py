"""Serve the web pages with waitress on a socket that the supervisor holds open.

The socket outlives this process: connections that come while it is being restarted wait in its queue.
"""

import argparse
import logging
import signal
import socket
import sys
from types import FrameType

import waitress


def end_politely(_signal: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into the exception on which waitress lets running requests finish."""
    sys.exit(0)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="number of the listening socket that we inherit")
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    from django.conf import settings

    from tiktok_hub.uploads import FORM_BYTES
    from tiktok_hub.wsgi import application

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    signal.signal(signal.SIGTERM, end_politely)
    listener = socket.socket(fileno=arguments.fd)
    waitress.serve(
        application,
        sockets=[listener],
        threads=arguments.threads,
        ident="tiktok_hub",
        max_request_body_size=settings.HUB_UPLOAD_MAX_BYTES + FORM_BYTES,
        clear_untrusted_proxy_headers=False,
    )


if __name__ == "__main__":
    main()
