"""The client: what goes out, what counts as success, what each failure becomes."""

import gzip
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import (
    ConfigurationError,
    CredentialError,
    RejectedError,
    RetryableError,
    TikTokError,
)
from destinations.tiktok.transport import LARGEST_ANSWER

OK: dict[str, Any] = {"code": 0, "message": "OK", "request_id": "r1", "data": {"x": 1}}
NGINX_502 = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


def failure(client: TikTokClient) -> TikTokError:
    """Return the error of one request to /event/track/."""
    with pytest.raises(TikTokError) as caught:
        client.post("event/track/", b"{}")
    return caught.value


def test_client_sends_token_as_header_and_body_as_json(tiktok, client):
    tiktok.answers(OK)
    client.post("event/track/", {"event_source": "offline"})
    (seen,) = tiktok.seen
    assert (seen.method, seen.path) == ("POST", "/open_api/v1.3/event/track/")
    assert seen.headers["access-token"] == "token-abc"
    assert seen.headers["content-type"] == "application/json"
    assert seen.json == {"event_source": "offline"}


def test_client_sends_prepared_bytes_untouched(tiktok, client):
    tiktok.answers(OK)
    client.post("event/track/", b'{"data" : [ ]}')
    assert tiktok.seen[0].body == b'{"data" : [ ]}'


def test_client_ends_every_path_with_a_slash(tiktok, client):
    tiktok.answers(OK)
    client.get("/pixel/list")
    assert tiktok.seen[0].path == "/open_api/v1.3/pixel/list/"


def test_client_writes_list_parameters_as_json_text(tiktok, client):
    tiktok.answers(OK)
    client.get("advertiser/info/", {"advertiser_ids": ["12", "3"], "page": 2, "name": "a b", "none": None})
    assert tiktok.seen[0].query == {"advertiser_ids": '["12","3"]', "page": "2", "name": "a b"}


def test_client_returns_data_request_id_and_seconds(tiktok, client):
    tiktok.answers(OK)
    answer = client.get("pixel/list/")
    assert (answer.data, answer.request_id, answer.code, answer.warning) == ({"x": 1}, "r1", 0, None)
    assert 0 < answer.seconds < 5


def test_client_reuses_its_connection(tiktok, client):
    tiktok.answers(OK)
    for _ in range(3):
        client.get("pixel/list/")
    assert len({seen.port for seen in tiktok.seen}) == 1


def test_client_reads_compressed_answers(tiktok, client):
    tiktok.answers(gzip.compress(json.dumps(OK).encode()), Content_Encoding="gzip")
    assert client.get("pixel/list/").data == {"x": 1}


@pytest.mark.parametrize(
    "envelope",
    [
        pytest.param({"code": 0}, id="nothing-but-the-code"),
        pytest.param({"code": 0, "message": None, "data": None}, id="nulls"),
        pytest.param({"code": "0", "message": "OK"}, id="code-as-text"),
        pytest.param({"code": 0.0}, id="code-as-float"),
        pytest.param({"code": 0, "extra": [1], "trace": {}}, id="extra-keys"),
        pytest.param({"code": 0, "data": "text"}, id="data-as-text"),
    ],
)
def test_client_takes_code_zero_for_success_however_bare(tiktok, client, envelope):
    tiktok.answers(envelope)
    assert client.get("pixel/list/").data == {}


@pytest.mark.parametrize("code", [20001, 40012, 40050])
def test_client_takes_some_codes_for_success_with_a_warning(tiktok, client, code):
    tiktok.says(code, "Look out")
    answer = client.post("event/track/", b"{}")
    assert answer.code == code
    assert answer.warning is not None
    assert answer.warning.endswith("TikTok says: Look out")


@pytest.mark.parametrize("header", ["X-Tt-Logid", "x-tt-logid", "X-TT-LOGID"])
def test_client_takes_the_log_id_where_the_envelope_has_no_request_id(tiktok, client, header):
    tiktok.answers({"code": 40105, "message": "bad"}, **{header.replace("-", "_"): "log-7"})
    assert failure(client).request_id == "log-7"


def test_error_carries_code_message_status_and_request_id(tiktok, client):
    tiktok.says(40002, "Invalid value for event_id: not a valid string.")
    error = failure(client)
    assert (error.code, error.status, error.request_id) == (40002, 200, "req-1")
    assert "Invalid value for event_id" in str(error)
    assert "req-1" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(200, "", RetryableError, id="200-empty"),
        pytest.param(200, NGINX_502, RetryableError, id="200-html"),
        pytest.param(200, "{}", RetryableError, id="200-no-code"),
        pytest.param(200, "[]", RetryableError, id="200-list"),
        pytest.param(200, '{"code": true}', RetryableError, id="200-code-is-a-boolean"),
        pytest.param(200, '{"code": "soon"}', RetryableError, id="200-code-is-a-word"),
        pytest.param(200, b"\xff\xfe", RetryableError, id="200-bytes"),
        pytest.param(502, NGINX_502, RetryableError, id="502-html"),
        pytest.param(500, "", RetryableError, id="500-empty"),
        pytest.param(408, "", RetryableError, id="408"),
        pytest.param(503, {"code": 59999}, RetryableError, id="503-unknown-code"),
        pytest.param(500, {"code": 12345}, RetryableError, id="500-odd-code"),
    ],
)
def test_answer_that_decides_nothing_is_retryable_and_uncertain(tiktok, client, status, body, kind):
    tiktok.answers(body, status=status)
    error = failure(client)
    assert isinstance(error, kind)
    assert (error.uncertain, error.throttled) == (True, False)


@pytest.mark.parametrize(
    ("status", "body", "kind", "resolution"),
    [
        pytest.param(301, "", ConfigurationError, "product_defect", id="301"),
        pytest.param(400, "bad", RejectedError, "rejected_data", id="400-text"),
        pytest.param(401, "", CredentialError, "invalid_credentials", id="401-bare"),
        pytest.param(401, {"code": 40105}, CredentialError, "invalid_credentials", id="401-envelope"),
        pytest.param(401, {"code": 49999}, CredentialError, "invalid_credentials", id="401-unknown-code"),
        pytest.param(403, "", CredentialError, "missing_permissions", id="403-bare"),
        pytest.param(403, {"code": 49999}, CredentialError, "missing_permissions", id="403-unknown-code"),
        pytest.param(404, "404 page not found", ConfigurationError, "product_defect", id="404"),
        pytest.param(405, "", ConfigurationError, "product_defect", id="405"),
        pytest.param(413, "", RejectedError, "product_defect", id="413"),
        pytest.param(400, {"code": 40002}, RejectedError, "rejected_data", id="400-envelope"),
        pytest.param(500, {"code": 40002}, RejectedError, "rejected_data", id="code-outranks-status"),
    ],
)
def test_http_status_decides_where_the_code_is_absent_or_unknown(tiktok, client, status, body, kind, resolution):
    tiktok.answers(body, status=status)
    error = failure(client)
    assert type(error) is kind
    assert error.resolution.key == resolution


@pytest.mark.parametrize(
    "body", ["", {"code": 49999, "message": "slow"}, {"code": 40100}], ids=["bare", "odd", "40100"]
)
def test_http_429_is_throttling_with_the_wait_it_asks_for(tiktok, client, body):
    tiktok.answers(body, status=429, Retry_After="7")
    error = failure(client)
    assert isinstance(error, RetryableError)
    assert (error.throttled, error.uncertain, error.retry_after) == (True, False, 7.0)


def test_retry_after_may_be_a_date(tiktok, client):
    tiktok.answers("", status=429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    error = failure(client)
    assert isinstance(error, RetryableError)
    assert error.retry_after == pytest.approx(90, abs=5)


@pytest.mark.parametrize(("header", "expected"), [("soon", None), ("-5", 0), ("99999999", 3600), ("nan", None)])
def test_retry_after_is_believed_within_reason(tiktok, client, header, expected):
    tiktok.answers("", status=503, Retry_After=header)
    error = failure(client)
    assert isinstance(error, RetryableError)
    assert error.retry_after == expected


@pytest.mark.parametrize("fate", ["resets", "closes", "breaks_off"])
def test_connection_lost_after_sending_is_uncertain_and_sent_once(tiktok, client, fate):
    getattr(tiktok, fate)()
    error = failure(client)
    assert isinstance(error, RetryableError)
    assert error.uncertain
    assert len(tiktok.seen) == 1


def test_read_timeout_is_uncertain(tiktok):
    tiktok.hangs(0.5)
    with TikTokClient("t", base_url=tiktok.url, timeout=(1, 0.1)) as client:
        error = failure(client)
    assert isinstance(error, RetryableError)
    assert error.uncertain


def test_answer_that_never_ends_is_given_up_on(tiktok):
    tiktok.drips()
    started = time.monotonic()
    with TikTokClient("t", base_url=tiktok.url, timeout=(1, 0.1)) as client:
        error = failure(client)
    assert isinstance(error, RetryableError)
    assert error.uncertain
    assert time.monotonic() - started < 1.5


def test_answer_beyond_the_size_limit_is_given_up_on(tiktok, client):
    tiktok.answers(b" " * (LARGEST_ANSWER + 100_000))
    error = failure(client)
    assert isinstance(error, RetryableError)
    assert error.uncertain


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/"], ids=["refused", "unresolved"])
def test_connection_never_made_is_certain_not_to_have_been_sent(url):
    with TikTokClient("t", base_url=url, timeout=(1, 1)) as client:
        error = failure(client)
    assert isinstance(error, RetryableError)
    assert not error.uncertain
    assert error.resolution.key == "not_reachable"


def test_address_that_is_none_is_a_setting():
    with TikTokClient("t", base_url="tiktok") as client:
        error = failure(client)
    assert isinstance(error, ConfigurationError)


def test_redirects_are_not_followed_with_the_token(tiktok, client):
    tiktok.answers("", status=302, Location="/elsewhere/")
    assert isinstance(failure(client), ConfigurationError)
    assert len(tiktok.seen) == 1


def test_cookies_are_not_kept(tiktok, client):
    tiktok.answers(OK, Set_Cookie="who=me")
    client.get("pixel/list/")
    client.get("pixel/list/")
    assert "cookie" not in tiktok.seen[1].headers


def test_netrc_is_not_read(tiktok, client, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password it")
    monkeypatch.setenv("NETRC", str(netrc))
    tiktok.answers(OK)
    client.get("pixel/list/")
    assert "authorization" not in tiktok.seen[0].headers


@pytest.fixture
def proxied(tiktok, monkeypatch):
    """Return a client that reaches TikTok through the test's server as a proxy."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", tiktok.url.split("/open_api")[0])
    with TikTokClient("t", base_url="http://tiktok.invalid/v1.3/", timeout=(1, 1)) as client:
        yield client


def test_proxy_of_the_environment_is_used(tiktok, proxied):
    tiktok.answers(OK)
    assert proxied.get("pixel/list/").request_id == "r1"


def test_proxy_that_refuses_is_a_setting(tiktok, proxied):
    tiktok.answers("", status=407)
    error = failure(proxied)
    assert isinstance(error, ConfigurationError)
    assert error.resolution.key == "not_reachable"


def test_get_tries_again_once_when_no_connection_was_made(monkeypatch):
    attempts = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    real = socket.socket.connect

    def connect(self, address):
        attempts.append(address)
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    with TikTokClient("t", base_url=f"http://127.0.0.1:{port}/", timeout=(1, 1)) as client:
        with pytest.raises(RetryableError):
            client.get("pixel/list/")
        assert len(attempts) == 2
        assert isinstance(failure(client), RetryableError)
        assert len(attempts) == 3


def test_get_is_not_repeated_once_it_was_sent(tiktok, client):
    tiktok.resets()
    with pytest.raises(RetryableError):
        client.get("pixel/list/")
    assert len(tiktok.seen) == 1


def test_client_serves_many_threads_at_once(tiktok, client):
    tiktok.answers(OK)
    threads = [threading.Thread(target=client.post, args=("event/track/", b"{}")) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tiktok.seen) == 16


@pytest.mark.parametrize("token", ["a b", "a\nb", "é"], ids=["blank", "newline", "accent"])
def test_token_that_no_header_can_hold_is_refused_without_being_shown(token):
    with pytest.raises(CredentialError) as caught:
        TikTokClient(token, base_url="http://x/")
    assert token not in str(caught.value)
