"""Become another program that cannot outlive the one that started it.

Run as a script: `python -I -S tether.py SIGNAL PARENT_PID USER PROGRAM ARGUMENTS…`. On Linux the kernel sends SIGNAL to
the program when its parent ends, however it ends (`prctl(2)`, PR_SET_PDEATHSIG). USER is the number of the user to
become first (the kernel forgets the signal when that changes), or `-`. It is a script of its own because the other way
to run code between fork and exec (`preexec_fn`) may deadlock in a program that has threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then replace it by the program."""
    signal_number, parent, user = int(arguments[0]), int(arguments[1]), arguments[2]
    if user != "-":
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the line above took effect
            sys.exit(1)
    os.execvp(arguments[3], arguments[3:])  # noqa: S606 - a list of arguments, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
