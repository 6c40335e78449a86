"""An identity provider of one's own (OpenID Connect), over real HTTP: strict about what the hub sends, and obedient
about what it says, so that it can also play an evil one.

It refuses unknown clients and redirect addresses, requests without PKCE, state or nonce, wrong secrets and verifiers,
and codes that were used. `person` is what it says about whoever logs in; `token` changes the ID token last.
"""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "hub-client", "hub-client-secret"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class IdentityProvider:
    """A running provider: its address, what it will say, and what it was asked."""

    url: str = ""
    redirect_uris: set[str] = field(default_factory=set)
    person: dict[str, Any] = field(default_factory=dict)
    told: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode(claims, KEY, "RS256", headers={"kid": "one"})
    about: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)

    def says(self, email: str, *groups: str, **claims: Any) -> None:
        """Choose whom it lets in next."""
        self.person = {
            "sub": f"sub-{email}", "email": email, "email_verified": True, "name": "Somebody",
            "groups": list(groups), **claims,
        }  # fmt: skip

    def discovery(self) -> dict[str, Any]:
        """Return what it publishes about itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo", "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }  # fmt: skip

    def keys(self) -> dict[str, Any]:
        """Return its public keys."""
        return {"keys": [{**jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "one"}]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Return where to send the browser after the log-in, with a code."""
        self.check(asked.get("client_id") == CLIENT_ID, "client")
        self.check(asked.get("redirect_uri") in self.redirect_uris, "redirect_uri")
        self.check(asked.get("response_type") == "code" and "openid" in asked.get("scope", "").split(), "request")
        self.check(asked.get("code_challenge_method") == "S256" and bool(asked.get("code_challenge")), "PKCE")
        self.check(len(asked.get("nonce", "")) >= 20 and len(asked.get("state", "")) >= 16, "nonce or state")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked: dict[str, str]) -> dict[str, Any]:
        """Exchange a code."""
        begun = self.codes.pop(asked.get("code", ""), None)
        self.check(begun is not None, "code")
        self.check((asked.get("client_id"), asked.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET), "client secret")
        self.check(asked.get("redirect_uri") == begun["redirect_uri"], "redirect_uri of the exchange")
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self.check(secrets.compare_digest(challenge, begun["code_challenge"]), "verifier")
        access = secrets.token_urlsafe(16)
        self.tokens.add(access)
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": begun["nonce"]}
        id_token = self.sign(self.told({**self.person, **claims}))
        return {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": id_token}

    def check(self, fine: bool, what: str) -> None:
        """Refuse a request that is not as it must be."""
        if not fine:
            self.refusals.append(what)
            raise PermissionError(what)


class _Handler(BaseHTTPRequestHandler):
    provider: IdentityProvider

    def do_GET(self) -> None:
        """Answer what is only read."""
        path, asked = urlsplit(self.path).path, self._read(urlsplit(self.path).query)
        if path == "/.well-known/openid-configuration":
            self._json(self.provider.discovery())
        elif path == "/keys":
            self._json(self.provider.keys())
        elif path == "/userinfo":
            known = self.headers.get("Authorization", "").removeprefix("Bearer ") in self.provider.tokens
            self._json(self.provider.about(self.provider.person) if known else {}, 200 if known else 401)
        elif path == "/authorize":
            inputs = "".join(f'<input type="hidden" name="{k}" value="{html.escape(v)}">' for k, v in asked.items())
            self._send(
                f"<form method='post' action='/authorize'>{inputs}<button>Let me in</button></form>", "text/html"
            )
        else:
            self._json({}, 404)

    def do_POST(self) -> None:
        """Answer a log-in, or the exchange of a code."""
        asked = self._read(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        try:
            if urlsplit(self.path).path == "/authorize":
                self.send_response(302)
                self.send_header("Location", self.provider.authorize(asked))
                self.end_headers()
            else:
                self._json(self.provider.token(asked))
        except PermissionError as error:
            self._json({"error": str(error)}, 400)

    def _read(self, text: str) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(text).items()}

    def _json(self, content: dict[str, Any], status: int = 200) -> None:
        self._send(json.dumps(content), "application/json", status)

    def _send(self, text: str, kind: str, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def running() -> Iterator[IdentityProvider]:
    """Run a provider on a free port of this machine."""
    provider = IdentityProvider()
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
