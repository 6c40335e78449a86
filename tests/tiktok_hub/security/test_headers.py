"""Headers of every answer, settings of production, and the hub's own error pages."""

import os
import subprocess
import sys

import pytest
from django.test import Client
from django.urls import path

from tiktok_hub.env import BASE_DIR

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
PROBE = """
import django
from django.conf import settings
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
django.setup()
from django.test import Client
answer = Client().get("/login/", headers={"host": "hub.example.com", "x-forwarded-proto": "%s"})
print(answer.status_code, dict(answer.headers), answer.cookies)
"""


def broken(request):
    raise RuntimeError("internal-marker")


urlpatterns = [path("healthz", broken)]


def run(*arguments: str, url: str = "https://hub.example.com") -> subprocess.CompletedProcess[str]:
    """Run Python with the settings of an installation that is reached at `url`."""
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    environment = {
        **kept,
        "HUB_PUBLIC_URL": url,
        "ALLOWED_HOSTS": "hub.example.com",
        "DJANGO_SETTINGS_MODULE": "tiktok_hub.settings",
        "HUB_BEHIND_PROXY": "true",
    }
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, env=environment, cwd=BASE_DIR, capture_output=True, text=True, check=False)


def test_the_deployment_check_has_nothing_to_say():
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_an_installation_with_https_insists_on_it():
    said = run("-c", PROBE % "https").stdout
    assert said.startswith("200 ")
    assert "max-age=2592000; includeSubDomains" in said
    assert "upgrade-insecure-requests" in said
    assert "__Host-csrf=" in said
    assert "Secure" in said


def test_a_plain_request_is_sent_to_https():
    said = run("-c", PROBE % "http").stdout
    assert said.startswith("301 ")
    assert "https://hub.example.com/login/" in said


def test_a_laptop_without_https_keeps_working():
    said = run("-c", PROBE % "http", url="http://hub.example.com").stdout
    assert said.startswith("200 ")
    assert "Strict-Transport-Security" not in said
    assert "upgrade-insecure-requests" not in said


@pytest.mark.parametrize("address", ["/login/", "/livez", "/acme/", "/authorize/nothing/", "/nowhere/at/all/"])
def test_every_answer_bears_the_headers(acme, ada, client_of, address):
    answer = client_of(ada).get(address)
    for name, value in HEADERS.items():
        assert answer[name] in {value, "no-referrer"}
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "camera=()" in answer["Permissions-Policy"]


def test_only_the_themes_frame_may_evaluate(acme, ada, client_of):
    browser = client_of(ada)
    assert "'unsafe-eval'" in browser.get("/acme/")["Content-Security-Policy"]
    assert "unsafe" not in browser.get("/acme/no-such-page/")["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "testserver@evil.example", "127.0.0.1:x"])
def test_another_host_is_refused_in_the_hubs_look(host):
    answer = Client().get("/login/", headers={"host": host})
    assert answer.status_code == 400
    assert "Not understood" in answer.content.decode()
    assert "evil" not in answer.content.decode()


def test_a_page_that_does_not_exist_is_said_in_the_hubs_look(acme, ada, client_of):
    for address in ("/acme/nothing/", "/nowhere/", "/authorize/x/y/z/"):
        answer = client_of(ada).get(address)
        assert answer.status_code == 404
        assert "public.css" in answer.content.decode()


def test_what_is_not_allowed_is_said_in_the_hubs_look(acme, rita, client_of):
    answer = client_of(rita).get("/acme/destinations/credential/")
    assert answer.status_code == 403
    assert "Not allowed" in answer.content.decode()


def test_a_form_without_its_token_is_said_in_the_hubs_look(acme, ada):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    answer = browser.post("/logout/")
    assert answer.status_code == 403
    assert "Send it again" in answer.content.decode()


def test_a_mistake_of_the_hub_tells_nothing_internal(settings, db):
    settings.ROOT_URLCONF = __name__
    answer = Client(raise_request_exception=False).get("/healthz")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
    assert "internal-marker" not in answer.content.decode()
    assert "Content-Security-Policy" in answer


def test_a_form_that_leads_to_another_site_goes_on_by_a_page(acme, ada, emulator):
    from destinations.models import Credential
    from destinations.services import link_create
    from tiktok_hub.tenancy.scope import tenant_scope

    with tenant_scope(acme):
        credential = Credential.objects.create(tenant=acme, name="ads", type="tiktok")
        _, address = link_create(credential=credential, by=ada, site_url="http://testserver")
    answer = Client().post(address, headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert f'content="0; url={emulator.auth_url}' in answer.content.decode()
    assert "form-action 'self'" in answer["Content-Security-Policy"].split("; ")
    assert answer.cookies
