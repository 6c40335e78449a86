"""The collector as it is served: an own process, killed while it takes events."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from django.db import connection

from orchestrations.models import Chunk, Stream
from orchestrations.streams.contents import contents_unpack
from tests.orchestrations.streams.conftest import items
from tests.orchestrations.streams.test_collector import key_for
from tests.programs import ROOT, database_url, kill, wait_for
from tiktok_hub.tenancy.scope import tenant_scope


class Web:
    """A web server that can be killed and started again on the same socket."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.log = log
        self.environment = environment
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        number = self.listener.fileno()
        command = [sys.executable, "-m", "tiktok_hub.hub.web", "--fd", str(number)]
        environment = {**os.environ, "DATABASE_URL": database_url(), **self.environment}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, pass_fds=(number,), env=environment, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        wait_for(lambda: requests.head(f"{self.url}/livez", timeout=60).status_code < 500)

    @contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.kill()

    def close(self) -> None:
        self.kill()
        self.listener.close()

    def kill(self) -> None:
        if self.process is not None:
            kill(self.process)


@pytest.fixture
def web(tmp_path, transactional_db) -> Iterator[Web]:
    with closing(Web(tmp_path / "web.log")) as web:
        web.start()
        yield web


def held(stream: Stream) -> list[str]:
    """Return the ids of the events that wait for a stream."""
    connection.close()  # another process writes: see it all
    with tenant_scope(stream.tenant):
        chunks = list(Chunk.objects.filter(stream=stream))
    bodies = [orjson.loads(contents_unpack(chunk.content).body) for chunk in chunks]
    return [event["event_id"] for body in bodies for event in body["data"]]


def test_event_that_was_acknowledged_survives_the_death_of_the_web_process(web, acme, stream_new) -> None:
    stream = stream_new(acme)
    key, acknowledged, going = key_for(stream), set[str](), threading.Event()

    def shop(number: int) -> None:
        for each in items(400, first=1_000 * number):
            try:
                reply = requests.post(
                    web.url + stream.path, json=each, headers={"Authorization": f"Bearer {key}"}, timeout=5
                )
            except requests.RequestException:
                return
            if reply.status_code == 202:
                acknowledged.add(each["event_id"])
            if len(acknowledged) > 60:
                going.set()

    shops = [threading.Thread(target=shop, args=(number,)) for number in range(8)]
    for each in shops:
        each.start()
    assert going.wait(60)
    web.kill()
    for each in shops:
        each.join()
    assert len(acknowledged) > 60
    assert acknowledged <= set(held(stream))
    web.start()
    again: Any = requests.post(f"{web.url}{stream.path}?key={key}", json=items(1)[0], timeout=30)
    assert again.status_code == 202


def test_requests_that_run_are_finished_before_the_process_ends(web, acme, stream_new) -> None:
    stream = stream_new(acme)
    key, replies = key_for(stream), list[int]()

    def post(number: int) -> None:
        url = f"{web.url}{stream.path}?key={key}"
        replies.append(requests.post(url, json=items(50, first=50 * number), timeout=30).status_code)

    posts = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for each in posts:
        each.start()
    wait_for(lambda: replies)
    if web.process is not None:
        web.process.send_signal(signal.SIGTERM)
    for each in posts:
        each.join()
    assert len(held(stream)) == 50 * replies.count(202)


def test_pages_and_collector_share_one_address(web) -> None:
    answers = {
        ("GET", "/livez"): 200,
        ("GET", "/platform/"): 302,
        ("GET", "/nowhere/%ff%zz"): 302,
        ("GET", "/collect/v1/nowhere"): 405,
        ("POST", "/collect/v1/nowhere"): 404,
        ("POST", "/collect/v1/"): 404,
        ("POST", "/collect/v1/%00"): 404,
    }
    found = {
        (method, path): requests.request(method, web.url + path, timeout=60, allow_redirects=False).status_code
        for method, path in answers
    }
    assert found == answers
