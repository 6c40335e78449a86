"""Speak HTTP/1.1 with keep-alive over real sockets, one thread per connection, and run in a thread for tests."""

import logging
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from destinations.emulator import api, consent, routes
from destinations.emulator.seed import Seed
from destinations.emulator.state import State
from destinations.emulator.wire import Answer, Call, text_answer

LOGGER = logging.getLogger(__name__)
RESET = struct.pack("ii", 1, 0)
MOST_BYTES = 64 * 1024 * 1024
REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


class BadRequestError(Exception):
    """A body that cannot be read from the wire."""


class Handler(BaseHTTPRequestHandler):
    """Read requests of one connection and write the answers, each with a single send."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "EmulatorServer"

    def handle_one_request(self) -> None:
        """Answer one request (in place of the standard do_GET, do_POST …)."""
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            return
        try:
            call = self._call()
        except BadRequestError as error:
            self._send(text_answer(400, str(error)))
            self.close_connection = True
            return
        given = routes.answer(self.server.state, call)
        if given.fate == "send":
            self._send(given)
            return
        self.close_connection = True
        if given.fate == "reset":
            self._reset()

    def _call(self) -> Call:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Call(self.command, unquote(path), query, headers, self._body())

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            raise BadRequestError("400 bad content length")
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            line = self.rfile.readline(1_024).partition(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError as error:
                raise BadRequestError("400 bad chunk") from error
            if size < 0 or len(body) + size > MOST_BYTES:
                raise BadRequestError("400 body too large")
            body += self.rfile.read(size)
            self.rfile.readline(1_024)
            if not size:
                return bytes(body)

    def _send(self, given: Answer) -> None:
        reason = REASONS.get(given.status, "Error")
        length = {"Content-Length": str(len(given.body))} if given.pieces is None else {"Transfer-Encoding": "chunked"}
        headers = {"Content-Type": given.content_type, **length, **given.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        body = b"" if self.command == "HEAD" else given.body
        self.wfile.write(f"HTTP/1.1 {given.status} {reason}\r\n{head}\r\n".encode("latin-1") + body)
        if given.pieces is not None and self.command != "HEAD":
            for piece in filter(None, given.pieces):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        """Make the coming close an RST instead of a FIN: linger on, zero seconds."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the standard library's signature
        """Stay silent: the request log is kept in memory, without secrets."""


class EmulatorServer(socketserver.ThreadingTCPServer):
    """A listening emulator with its state."""

    allow_reuse_address = True
    request_queue_size = 256
    daemon_threads = False
    block_on_close = True

    def __init__(self, host: str = "127.0.0.1", port: int = 0, seed: Seed | None = None) -> None:
        """Listen on a port (0 = any free one); raise OSError when it is taken, SeedError when the seed is wrong."""
        self.state = State(seed)
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__((host, port), Handler)

    @property
    def url(self) -> str:
        """Give the address of the page that shows what the emulator holds."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"

    @property
    def api_url(self) -> str:
        """Give the address to use as TIKTOK_API_URL."""
        return self.url.rstrip("/") + api.PREFIX + "/"

    @property
    def auth_url(self) -> str:
        """Give the address to use as TIKTOK_AUTH_URL."""
        return self.url.rstrip("/") + consent.PATH

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        with self._guard:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the standard library's signature
        """Close a connection and forget it; one marked for reset must not say goodbye (FIN) first."""
        with self._guard:
            self._connections.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET)) == RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """Log a fault of the emulator; a client that went away is none."""
        if isinstance(sys.exc_info()[1], ConnectionError):
            LOGGER.debug("The client closed the connection.")
        else:
            LOGGER.exception("The emulator failed on a request.")

    def stop(self) -> None:
        """Wake up waiting calls, end all connections and their threads, free the port."""
        self.state.stopping.set()
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            _hang_up(connection)
        self.server_close()


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        LOGGER.debug("already closed by the client")


@contextmanager
def running(port: int = 0, seed: Seed | None = None, host: str = "127.0.0.1") -> Iterator[EmulatorServer]:
    """Run an emulator in a thread for the time of a `with` block; it has `url`, `api_url`, `auth_url`, `state`."""
    server = EmulatorServer(host, port, seed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="tiktok-emulator")
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.stop()
