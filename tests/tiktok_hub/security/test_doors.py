"""Every door of both sites: no form without its token, no way to another site, no download that runs."""

import csv
import io
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver

from tests.test_tenant_walk import filled, model_of, patterns, things_make
from tiktok_hub.shell import platform_site, tenant_site
from tiktok_hub.spreadsheets import _FORMULA, FORMULA

# Addresses that take a POST without a CSRF token, and why that is no hole.
WITHOUT_TOKEN = {
    "authorize/<str:token>/": "the secret in the address authorises, no cookie does; no-referrer pages send no Origin",
    "authorize/secret/<str:token>/": "the same",
    "api/": "a key in a header authorises, no cookie does",
    "collect/v1/<str:public_id>": "a write key in a header or in the address authorises, no cookie does",
}
TENANT_ROUTES = sorted(set(patterns(tenant_site.get_urls())))
PLATFORM_ROUTES = sorted(set(patterns(platform_site.get_urls())))
ROOT_ROUTES = sorted({route for route in patterns(get_resolver().url_patterns) if not route.startswith("platform/")})
ADDRESSES = [
    *(f"/acme/{filled(route, 1)}" for route in TENANT_ROUTES),
    *(f"/platform/{filled(route, 1)}" for route in PLATFORM_ROUTES),
    *(f"/{filled(route, 1)}" for route in ROOT_ROUTES if not route.startswith(tuple(WITHOUT_TOKEN))),
]

ELSEWHERE = {
    "another site": "https://evil.example/",
    "without a scheme": "//evil.example/",
    "three slashes": "///evil.example/",
    "four slashes": "////evil.example",
    "backslashes": "\\\\evil.example/",
    "slash and backslash": "/\\evil.example/",
    "a scheme and no slashes": "https:evil.example",
    "a scheme and one slash": "https:/evil.example",
    "a script": "javascript:alert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "a control character": "\x08//evil.example",
    "a line break": "/\r\n//evil.example",
    "a tab": "/\t/evil.example",
    "a name before the host": "https://testserver@evil.example/",
    "a host that looks like ours": "https://testserver.evil.example/",
    "ftp": "ftp://evil.example/",
}


def leads_home(answer: HttpResponse) -> bool:
    """Say whether an answer stays on the site it came from."""
    location = answer.headers.get("Location", "")
    target = urlsplit(location)
    return (
        target.netloc in {"", "testserver"} and target.scheme in {"", "http"} and not location.startswith(("//", "\\"))
    )


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_form_is_taken_without_its_token(acme, root, ada, client_of, address):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada if address.startswith("/acme/") else root)
    answer = browser.post(address, {"post": "yes"})
    assert answer.status_code == 403
    assert "Send it again" in answer.content.decode()


def test_every_exception_exists():
    found = set(ROOT_ROUTES)
    assert {route for route in WITHOUT_TOKEN if route != "api/"} <= found


@pytest.mark.parametrize("target", ELSEWHERE.values(), ids=ELSEWHERE)
def test_logging_in_leads_nowhere_else(acme, ada, target):
    browser = Client()
    answers = [browser.post("/login/", {"username": ada.email, "password": "password", "next": target})]
    answers += [browser.get("/login/", {"next": target}), browser.get("/acme/login/", {"next": target})]
    answers += [browser.get("/platform/login/", {"next": target})]
    assert all(leads_home(answer) for answer in answers)


@pytest.mark.parametrize("target", ELSEWHERE.values(), ids=ELSEWHERE)
def test_logging_out_leads_nowhere_else(acme, ada, client_of, target):
    for address in ("/logout/", "/acme/logout/"):
        assert leads_home(client_of(ada).post(address, {"next": target}))


@pytest.mark.parametrize("target", ELSEWHERE.values(), ids=ELSEWHERE)
def test_coming_back_from_tiktok_leads_nowhere_else(acme, ada, client_of, target):
    asked = {"state": target, "auth_code": target, "next": target, "redirect_uri": target}
    assert leads_home(client_of(ada).get("/oauth/tiktok/callback/", asked))


@pytest.mark.parametrize(
    "path", ["//acme", "///acme", "//evil.example", "//evil.example/", "/\\evil.example", "//evil", "//"]
)
@pytest.mark.parametrize("inside", [True, False], ids=["a member", "a stranger"])
def test_no_odd_path_leads_to_another_site(acme, ada, client_of, path, inside):
    browser = client_of(ada) if inside else Client()
    assert leads_home(browser.get("/", PATH_INFO=path))


def downloads(browser: Client, things: dict) -> dict[str, HttpResponse]:
    """Return what is saved rather than shown, by its address."""
    found = {}
    for route in TENANT_ROUTES:
        model = model_of(route)
        address = f"/acme/{filled(route, things[model].pk if model in things else 1)}"
        answer = browser.get(address)
        if answer.status_code == 405 and ("csv" in route or "download" in route):
            answer = browser.post(address)
        kind = answer.headers.get("Content-Type", "")
        if answer.status_code == 200 and not kind.startswith(("text/html", "application/json", "text/javascript")):
            found[route] = answer
    return found


def test_every_download_is_saved_and_runs_nowhere(acme, ada, client_of):
    things = things_make(acme, ada, "=1+1")
    found = downloads(client_of(ada), things)
    assert len([route for route in found if route.endswith(".csv")]) >= 2
    for route, answer in found.items():
        assert answer["Content-Disposition"].startswith("attachment; filename="), route
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in answer["Cache-Control"]
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        cells = [cell for row in csv.reader(io.StringIO(body.decode())) for cell in row]
        assert not [cell for cell in cells if _FORMULA.match(cell)], FORMULA
