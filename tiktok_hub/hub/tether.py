"""Become another program that cannot outlive the one that started it.

Run as a script: `python -I -S tether.py SIGNAL PARENT_PID PROGRAM ARGUMENTS…`. On Linux the kernel sends SIGNAL to the
program when its parent ends, however it ends (`prctl(2)`, PR_SET_PDEATHSIG). It is a script of its own because the
other way to run code between fork and exec (`preexec_fn`) may deadlock in a program that has threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then replace it by the program."""
    signal_number, parent = int(arguments[0]), int(arguments[1])
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the line above took effect
            sys.exit(1)
    os.execvp(arguments[2], arguments[2:])  # noqa: S606 - a list of arguments, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
