"""Marker secrets go in; no error, traceback, repr or log line may show them."""

import logging
import traceback
from collections.abc import Callable

import pytest

from destinations.tiktok import calls
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.envelope import Answer
from destinations.tiktok.errors import TikTokError
from destinations.tiktok.transport import TokenAuth

TOKEN, SECRET, CODE = "MARKER-token-4711", "MARKER-secret-0815", "MARKER-code-1234"
NOWHERE = "http://127.0.0.1:9/"

FATES: dict[str, Callable[..., None]] = {
    "echo-40105": lambda tiktok: tiktok.echoes(40105),
    "echo-40002": lambda tiktok: tiktok.echoes(40002),
    "html": lambda tiktok: tiktok.answers(f"<html>{TOKEN} {SECRET} {CODE}</html>", status=502),
    "bare-401": lambda tiktok: tiktok.answers("", status=401),
    "reset": lambda tiktok: tiktok.resets(),
    "close": lambda tiktok: tiktok.closes(),
    "timeout": lambda tiktok: tiktok.hangs(0.4),
    "broken-off": lambda tiktok: tiktok.breaks_off(),
}


def all_calls(url: str) -> list[Callable[[], object]]:
    """Return one call of every kind that carries a secret."""
    client = TikTokClient(TOKEN, base_url=url, timeout=(0.5, 0.2))
    return [
        lambda: client.get("pixel/list/"),
        lambda: client.post("event/track/", b"{}"),
        lambda: calls.advertisers_list(client, "app", SECRET),
        lambda: calls.token_exchange(url, "app", SECRET, CODE, timeout=(0.5, 0.2)),
        lambda: calls.token_revoke(url, "app", SECRET, TOKEN, timeout=(0.5, 0.2)),
    ]


def shown(error: BaseException) -> str:
    """Return everything that could be printed of an error, its contexts included."""
    text = "".join(traceback.format_exception(error))
    link: BaseException | None = error
    while link is not None:
        text += repr(link) + str(link) + repr(vars(link)) + repr(link.args)
        link = link.__context__
    return text


@pytest.mark.parametrize("fate", FATES)
def test_no_failure_shows_a_secret(tiktok, caplog, fate):
    caplog.set_level(logging.DEBUG)
    for call in all_calls(tiktok.url):
        tiktok.scripts.clear()
        FATES[fate](tiktok)
        with pytest.raises(TikTokError) as caught:
            call()
        assert "MARKER" not in shown(caught.value)
    assert "MARKER" not in caplog.text


def test_unreachable_tiktok_shows_no_secret(caplog):
    caplog.set_level(logging.DEBUG)
    for call in all_calls(NOWHERE):
        with pytest.raises(TikTokError) as caught:
            call()
        assert "MARKER" not in shown(caught.value)
    assert "MARKER" not in caplog.text


def test_success_logs_no_secret(tiktok, caplog):
    caplog.set_level(logging.DEBUG)
    tiktok.says(0, data={"access_token": TOKEN, "list": []})
    for call in all_calls(tiktok.url):
        call()
    assert "secret=***" in caplog.text
    assert "MARKER" not in caplog.text


def test_nothing_shows_its_token():
    client = TikTokClient(TOKEN, base_url=NOWHERE)
    grant = calls.Grant(TOKEN, ("1",), (4,))
    answer = Answer({"access_token": TOKEN}, "r", 0, None, 0.1)
    assert "MARKER" not in f"{client!r} {client} {grant!r} {answer!r} {TokenAuth(TOKEN)!r}"
