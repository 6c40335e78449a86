"""Bind ports before anything starts, so that a busy one is a sentence and not a traceback."""

import errno
import socket


class PortError(RuntimeError):
    """The address cannot be listened on; the text says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to `host` and `port` (0: a free one). Raise PortError when that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise PortError(reason(host, port, error)) from None
    return listener


def reason(host: str, port: int, error: Exception) -> str:
    """Say why we cannot listen there, and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program. Stop it, or choose another port, say {port + 1}."
    if number == errno.EACCES:
        return f"Port {port} needs special rights. Choose one above 1023."
    return f"Cannot listen on {host} port {port}: {error}. Choose another address or port."


def free_port(host: str = "127.0.0.1") -> int:
    """Return the number of a port that is free now."""
    with listen(host, 0) as listener:
        return int(listener.getsockname()[1])
