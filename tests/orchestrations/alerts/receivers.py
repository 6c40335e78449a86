"""Receivers of alerts on this machine: a mail server and a web server that keep what they get."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOOK = "zqhook-secret-path"


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """Return the body as a document."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """A web server: what it got, and how it answers: status, headers, body."""

    url: str
    got: list[Received] = field(default_factory=list)
    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"ok")

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Return the bodies as documents."""
        return [each.document for each in self.got]


@dataclass
class Postbox:
    """A mail server: what it got, with the addresses of each message."""

    url: str
    got: list[tuple[list[str], Message]] = field(default_factory=list)


@contextmanager
def receiver_running() -> Iterator[Receiver]:
    """Run a web server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(Received(self.path, dict(self.headers), body))
            status, headers, answer = receiver.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hooks/{HOOK}")
        with _serving(server):
            yield receiver


@contextmanager
def postbox_running() -> Iterator[Postbox]:
    """Run a mail server on a free port, as far as RFC 5321 is needed to hand a message over."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            to: list[str] = []
            self.wfile.write(b"220 postbox\r\n")
            for line in self.rfile:
                command = line.strip().decode()
                if command.upper() == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    postbox.got.append((to, message_from_bytes(b"".join(lines))))
                elif command.upper().startswith("RCPT TO:"):
                    to.append(command[len("RCPT TO:") :].strip("<>"))
                self.wfile.write(b"250 ok\r\n" if command.upper() != "QUIT" else b"221 bye\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        postbox = Postbox(f"smtp://127.0.0.1:{server.server_address[1]}")
        with _serving(server):
            yield postbox


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
