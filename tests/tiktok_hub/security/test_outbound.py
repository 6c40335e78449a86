"""Addresses that people enter reach the web, and nothing of our own network."""

import time

import pytest
import requests
from django.core.exceptions import ValidationError

from tests.tiktok_hub.security.conftest import NAME
from tiktok_hub import outbound
from tiktok_hub.outbound import OutboundError, session, url_check

NASTY = {
    "plain http": "http://login.example.com/",
    "another scheme": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript": "javascript:alert(1)",
    "no scheme": "login.example.com",
    "no host": "https:///path",
    "nothing": "",
    "too long": "https://login.example.com/" + "a" * 3000,
    "credentials": "https://user:secret@login.example.com/",
    "empty credentials": "https://@127.0.0.1/",
    "credentials that look like a host": "https://login.example.com@127.0.0.1/",
    "backslash": "https://login.example.com\\@127.0.0.1/",
    "blank": "https://login.example.com /",
    "line break": "https://login.example.com/\r\nHost: 127.0.0.1",
    "tab in the scheme": "ht\ttps://127.0.0.1/",
    "port of a database": "https://login.example.com:22/",
    "port zero": "https://login.example.com:0/",
    "port too high": "https://login.example.com:99999/",
    "loopback": "https://127.0.0.1/",
    "other loopback": "https://127.9.9.9/",
    "loopback by name": "https://localhost/",
    "loopback with a dot": "https://localhost./",
    "this network": "https://0.0.0.0/",
    "private A": "https://10.1.2.3/",
    "private B": "https://172.20.1.1/",
    "private C": "https://192.168.1.1/",
    "carrier-grade NAT": "https://100.64.1.1/",
    "cloud metadata": "https://169.254.169.254/latest/meta-data/",
    "multicast": "https://224.0.0.1/",
    "broadcast": "https://255.255.255.255/",
    "protocol assignments": "https://192.0.0.170/",
    "6to4 relay": "https://192.88.99.1/",
    "documentation": "https://203.0.113.7/",
    "benchmarking": "https://198.18.0.1/",
    "decimal": "https://2130706433/",
    "hexadecimal": "https://0x7f000001/",
    "octal": "https://0177.0.0.1/",
    "mixed": "https://127.0x0.1/",
    "short": "https://127.1/",
    "public but decimal": "https://134744072/",
    "full-width digits": "https://１２７.0.0.1/",
    "circled letters": "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "ideographic full stop": "https://127。0。0。1/",
    "IPv6 loopback": "https://[::1]/",
    "IPv6 unspecified": "https://[::]/",
    "IPv6 link-local": "https://[fe80::1]/",
    "IPv6 with a zone": "https://[fe80::1%25lo]/",
    "IPv6 unique local": "https://[fd00:ec2::254]/",
    "IPv6 multicast": "https://[ff02::1]/",
    "IPv6 documentation": "https://[2001:db8::1]/",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]/",
    "IPv4-mapped public": "https://[::ffff:8.8.8.8]/",
    "IPv4-compatible": "https://[::127.0.0.1]/",
    "6to4": "https://[2002:7f00:1::]/",
    "Teredo": "https://[2001:0:7f00:1::1]/",
    "NAT64": "https://[64:ff9b::7f00:1]/",
    "local NAT64": "https://[64:ff9b:1::7f00:1]/",
    "name inside": "https://inside.example.com/",
    "one of several addresses inside": "https://both.example.com/",
    "name that does not exist": "https://nowhere.example.com/",
    "underscores and dots": "https://../",
}  # fmt: skip
PUBLIC = ["https://login.example.com/", "https://login.example.com:8443/a?b=c", "https://8.8.8.8/"]


@pytest.fixture
def resolve(names):
    """Names of which some lead inside; numbers resolve as the system does it."""
    known = names(
        login_example_com=[["8.8.8.8", "2606:4700::1111"]],
        inside_example_com=[["10.0.0.7"]],
        both_example_com=[["8.8.8.8", "127.0.0.1"]],
        nowhere_example_com=[[]],
    )

    def look(host: str, port: int) -> list[str]:
        return known(host, port) if host.endswith("example.com") else outbound.addresses_of(host, port)

    return look


@pytest.mark.parametrize("url", NASTY.values(), ids=NASTY)
def test_a_nasty_address_is_refused_in_a_form(resolve, url):
    with pytest.raises(ValidationError) as refused:
        url_check(url, resolve=resolve)
    assert refused.value.messages[0].endswith((".", "/"))
    assert "secret" not in refused.value.messages[0]


@pytest.mark.parametrize("url", NASTY.values(), ids=NASTY)
def test_a_nasty_address_is_refused_when_sending(resolve, url):
    with session(resolve=resolve) as sent, pytest.raises(requests.RequestException):
        sent.get(url)


@pytest.mark.parametrize("url", PUBLIC)
def test_an_address_of_the_web_is_accepted(resolve, url):
    assert url_check(url, resolve=resolve) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "https://10.0.0.1/", "https://[fd00::1]/"])
def test_private_addresses_open_with_the_setting(settings, resolve, url):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    assert url_check(url, resolve=resolve) == url


@pytest.mark.parametrize("name", ["cloud metadata", "IPv6 link-local", "multicast", "plain http", "credentials"])
def test_some_addresses_stay_refused_with_the_setting(settings, resolve, name):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with pytest.raises(ValidationError):
        url_check(NASTY[name], resolve=resolve)


def test_nothing_is_sent_to_an_address_inside(plain_site, names):
    with session(resolve=names(login_acme_example=[["127.0.0.1"]])) as sent, pytest.raises(OutboundError):
        sent.get(f"https://{NAME}:{plain_site.port}/")
    assert plain_site.asked == []


def test_a_name_that_resolves_anew_after_the_check_is_looked_at_again(tls_site, names):
    changing = names(login_acme_example=[["8.8.8.8"], ["127.0.0.1"]])
    url = url_check(f"https://{NAME}:{tls_site.port}/", resolve=changing)
    with session(resolve=changing) as sent, pytest.raises(OutboundError, match="private network"):
        sent.get(url)
    assert tls_site.asked == []


def test_host_and_certificate_stay_those_of_the_name(settings, tls_site, names):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with session(resolve=names(login_acme_example=[["127.0.0.1"]])) as sent:
        assert sent.get(f"https://{NAME}:{tls_site.port}/hello").text == "hello"
    assert tls_site.asked == [(f"{NAME}:{tls_site.port}", "/hello")]


def test_a_certificate_of_another_name_is_refused(settings, tls_site, names):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with session(resolve=names(other_example=[["127.0.0.1"]])) as sent, pytest.raises(requests.exceptions.SSLError):
        sent.get(f"https://other.example:{tls_site.port}/")
    assert tls_site.asked == []


@pytest.mark.parametrize(
    "target", ["https://169.254.169.254/", "http://10.0.0.1/", "file:///etc/passwd", "https://user:secret@8.8.8.8/"]
)
def test_a_redirect_to_a_refused_place_is_not_followed(settings, plain_site, target):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with session() as sent, pytest.raises((OutboundError, requests.exceptions.InvalidSchema)):
        sent.get(f"http://127.0.0.1:{plain_site.port}/to?{target}")
    assert len(plain_site.asked) == 1


def test_a_redirect_to_a_good_place_is_followed(settings, plain_site):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with session() as sent:
        assert sent.get(f"http://127.0.0.1:{plain_site.port}/to?/hello").text == "hello"


def test_redirects_in_a_circle_end(settings, plain_site):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    address = f"http://127.0.0.1:{plain_site.port}"
    with session() as sent, pytest.raises(requests.TooManyRedirects):
        sent.get(f"{address}/to?{address}/to?{address}/to?{address}/to?{address}/to?{address}/")


@pytest.mark.parametrize("path", ["/large", "/bomb"])
def test_an_answer_that_is_too_large_is_not_read(settings, plain_site, path):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with session() as sent, pytest.raises(OutboundError, match="larger than 4 MB"):
        sent.get(f"http://127.0.0.1:{plain_site.port}{path}")


def test_an_answer_that_drips_ends_in_time(settings, plain_site, monkeypatch):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    monkeypatch.setattr(outbound, "WHOLE_SECONDS", 0.3)
    started = time.monotonic()
    with session() as sent, pytest.raises(requests.RequestException):
        sent.get(f"http://127.0.0.1:{plain_site.port}/drip")
    assert time.monotonic() - started < 3


def test_the_environments_proxies_and_passwords_are_not_used(settings, plain_site, monkeypatch):
    settings.HUB_ALLOW_PRIVATE_URLS = True
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with session() as sent:
        assert sent.get(f"http://127.0.0.1:{plain_site.port}/").text == "hello"
