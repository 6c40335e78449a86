"""A TikTok of the simplest kind, written without a look at the emulator: it takes events or people, in odd ways.

Only deliveries are answered oddly. Whoever keeps an audience also looks for it and creates it: that gets plain answers.
"""

import gzip
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SUCCESS = {"code": 0}
LIST, CREATE = "/dmp/custom_audience/list/", "/segment/audience/"


class StandIn(ThreadingHTTPServer):
    """Count what was taken (event id or digest → times); `style` answers a delivery, `tokens` are those of deliveries.

    `audiences` are the names of those that were made.
    """

    daemon_threads = True

    def __init__(self, style: "Style") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.style = style
        self.taken: Counter[str] = Counter()
        self.tokens: list[str | None] = []
        self.audiences: list[str] = []
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        """Return the address to use as TIKTOK_API_URL."""
        return f"http://127.0.0.1:{self.server_port}/open_api/v1.3/"


class Handler(BaseHTTPRequestHandler):
    """Read a request, and let the server's style answer it."""

    protocol_version = "HTTP/1.1"
    server: StandIn
    served = 0

    def do_POST(self) -> None:
        """Take a request."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith(CREATE):
            self.create(body["custom_audience_name"])
            return
        self.served += 1
        self.keys = keys_of(body)
        with self.server.guard:
            self.server.tokens.append(self.headers["Access-Token"])
            self.turn = len(self.server.tokens)
        self.server.style(self)

    def do_GET(self) -> None:
        """Show the audiences, or take a request that somebody was sent to by a redirect."""
        if LIST in self.path:
            self.reply(json.dumps({**SUCCESS, "data": {"list": self.listed()}}))
            return
        self.server.tokens.append(self.headers["Access-Token"])
        self.reply(json.dumps(SUCCESS))

    def create(self, name: str) -> None:
        """Make an audience; its number is its id."""
        with self.server.guard:
            self.server.audiences.append(name)
            data = {"audience_id": str(len(self.server.audiences))}
        self.reply(json.dumps({**SUCCESS, "data": data}))

    def listed(self) -> list[dict[str, Any]]:
        """Describe the audiences as shortly as possible."""
        names = enumerate(self.server.audiences, 1)
        return [{"audience_id": str(number), "name": name, "audience_type": "Partner"} for number, name in names]

    def take(self) -> None:
        """Hold the events or people of the request."""
        with self.server.guard:
            self.server.taken.update(self.keys)

    def reply(self, text: str | bytes, status: int = 200, **headers: str) -> None:
        """Answer in one piece."""
        body = text if isinstance(text, bytes) else text.encode()
        self.head(status, **{"Content-Type": "application/json", "Content-Length": str(len(body)), **headers})
        self.wfile.write(body)

    def head(self, status: int = 200, **headers: str) -> None:
        """Write the first lines of an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Stay silent."""


def keys_of(body: dict[str, Any]) -> list[str]:
    """Name what is in a delivery: events by their id, people by their digests."""
    if "batch_data" in body:
        return [element["id"] for person in body["batch_data"] for element in person if element]
    return [item["event_id"] for item in body["data"]]


Style = Callable[[Handler], None]


@contextmanager
def standing_in(style: Style) -> Iterator[StandIn]:
    """Run a stand-in for the time of a block."""
    server = StandIn(style)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(text: str | bytes, **headers: str) -> Style:
    """Take the delivery and say this."""

    def style(handler: Handler) -> None:
        handler.take()
        handler.reply(text, **headers)

    return style


def refuses(status: int, text: str, times: int | None = None, **headers: str) -> Style:
    """Take nothing and say this, a number of times or always; then succeed."""

    def style(handler: Handler) -> None:
        if times is not None and handler.turn > times:
            says(json.dumps(SUCCESS))(handler)
        else:
            handler.reply(text, status, **headers)

    return style


def http_1_0(handler: Handler) -> None:
    """Answer as HTTP/1.0 does: without a length, ended by the end of the connection."""
    handler.take()
    handler.protocol_version = "HTTP/1.0"
    handler.head(Content_Type="application/json")
    handler.wfile.write(json.dumps(SUCCESS).encode())
    handler.close_connection = True


def chunked(handler: Handler) -> None:
    """Answer in chunks of three bytes."""
    handler.take()
    handler.head(Content_Type="application/json", Transfer_Encoding="chunked")
    body = json.dumps({**SUCCESS, "request_id": "r-1", "data": {}}).encode()
    for start in range(0, len(body), 3):
        piece = body[start : start + 3]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def trickle(seconds: float) -> Style:
    """Answer byte by byte."""

    def style(handler: Handler) -> None:
        handler.take()
        body = json.dumps(SUCCESS).encode()
        handler.head(Content_Type="application/json", Content_Length=str(len(body)))
        for byte in body:
            handler.wfile.write(bytes([byte]))
            time.sleep(seconds / len(body))

    return style


def gzipped(handler: Handler) -> None:
    """Answer compressed."""
    handler.take()
    handler.reply(gzip.compress(json.dumps(SUCCESS).encode()), Content_Encoding="gzip")


def cut_short(handler: Handler) -> None:
    """Take the first request, but break off in the middle of its answer; then behave."""
    handler.take()
    if handler.turn > 1:
        handler.reply(json.dumps(SUCCESS))
        return
    handler.head(Content_Type="application/json", Content_Length="100")
    handler.wfile.write(b'{"code"')
    handler.close_connection = True


def closes_after_each(handler: Handler) -> None:
    """Answer, and close the connection without a word about it."""
    handler.take()
    handler.reply(json.dumps(SUCCESS))
    handler.close_connection = True


def closes_instead_of_the_second(handler: Handler) -> None:
    """Read the second request of a connection and close it without an answer."""
    if handler.served > 1:
        handler.close_connection = True
        return
    handler.take()
    handler.reply(json.dumps(SUCCESS))
