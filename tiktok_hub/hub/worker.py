"""Run a Celery worker whose pool cannot outlive it.

A pool process whose parent was killed would otherwise finish its task beside the worker that got it next.
"""

import ctypes
import logging
import signal
import sys
import warnings

from celery.exceptions import SecurityWarning
from celery.signals import worker_process_init

from tiktok_hub.celery import app
from tiktok_hub.hub.tether import PR_SET_PDEATHSIG


@worker_process_init.connect
def die_with_parent(**_: object) -> None:
    """Ask the kernel to end this pool process when the worker ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def main(arguments: list[str]) -> None:
    """Work until SIGTERM, quiet about tasks that come every few seconds and go well."""
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=SecurityWarning)  # about pickle as root; tasks are JSON here
    app.worker_main(["--quiet", "worker", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
