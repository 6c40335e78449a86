"""Web servers of the tests' own, with and without TLS, that behave well or badly by path."""

import datetime
import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "login.acme.example"


@dataclass
class Site:
    """A running server: its port, and what it was asked for as (Host header, path)."""

    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    """Make the handler of one site."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            site.asked.append((self.headers["Host"], self.path))
            act = {"/drip": self.drip, "/large": self.large, "/bomb": self.bomb}.get(self.path)
            if self.path.startswith("/to?"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/to?"))
                self.end_headers()
            elif act:
                act()
            else:
                self.answer(b"hello")

        def answer(self, body: bytes, **headers: str) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def large(self):
            self.answer(b"x" * 5 * 1024 * 1024)

        def bomb(self):
            self.answer(gzip.compress(bytes(50 * 1024 * 1024)), Content_Encoding="gzip")

        def drip(self):
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            for number in range(90):
                self.wfile.write(f"X-{number}: y\r\n".encode())
                self.wfile.flush()
                time.sleep(0.05)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


class QuietServer(ThreadingHTTPServer):
    """A server that does not mind when a client hangs up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


def serve(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Run a server on a free port for the time of a test."""
    site = Site(0)
    server = QuietServer(("127.0.0.1", 0), handler_of(site))
    site.port = server.server_port
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def plain_site() -> Iterator[Site]:
    """A server without TLS on this machine."""
    yield from serve()


@pytest.fixture
def tls_site(tmp_path, monkeypatch) -> Iterator[Site]:
    """A server on this machine with a certificate for `login.acme.example`, trusted by the test."""
    path = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    yield from serve(context)


@pytest.fixture
def names() -> Callable[..., Callable[[str, int], list[str]]]:
    """Make a resolver: name → lists of addresses, one list for each time it is asked, the last one for ever."""

    def make(**answers: list[list[str]]) -> Callable[[str, int], list[str]]:
        left = {name.replace("_", "."): list(rows) for name, rows in answers.items()}

        def resolve(host: str, port: int) -> list[str]:
            if host not in left:
                raise OSError(host)
            return left[host].pop(0) if len(left[host]) > 1 else left[host][0]

        return resolve

    return make


def certificate(folder: Path) -> Path:
    """Make a certificate for NAME that signs itself; its key is in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "site.pem"
    private = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path
