"""Counters are shared by all processes, right to the last one, and cost nothing where Redis is away."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
import redis
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.programs import ROOT
from tiktok_hub.hub.broker import broker_running
from tiktok_hub.metrics import count, families, flush, observe
from tiktok_hub.metrics.gauges import _Kept
from tiktok_hub.metrics.recording import Recorder, counts_key
from tiktok_hub.tenancy.scope import tenant_scope

TOKEN = "scrape-token-for-tests"
COUNT = """
import django, sys
django.setup()
from tiktok_hub.metrics import count, families, flush
for _ in range(500):
    count(families.THROTTLES, 1, "event/track", tenant="")
assert flush()
"""


@pytest.fixture
def broker(settings):
    """A broker with no counts in it."""
    if settings.HUB_EMBEDDED_BROKER:
        with broker_running(settings.HUB_DATA_DIR):
            yield _emptied(settings)
    else:
        yield _emptied(settings)


def _emptied(settings) -> "redis.Redis":
    flush()
    found = redis.Redis.from_url(settings.REDIS_URL)
    found.delete(counts_key())
    return found


@pytest.fixture
def scrape(db, broker, settings):
    """Read the page as Prometheus does: sample name and labels → value."""
    settings.HUB_METRICS_TOKEN = TOKEN

    def read() -> dict[tuple[str, ...], float]:
        _Kept.until = 0.0
        answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        return {
            (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
            for family in text_string_to_metric_families(answer.content.decode())
            for sample in family.samples
        }

    return read


@pytest.mark.parametrize(
    ("token", "header", "status"),
    [
        pytest.param("", f"Bearer {TOKEN}", 404, id="no token is set"),
        pytest.param(TOKEN, "", 401, id="none given"),
        pytest.param(TOKEN, "Bearer wrong", 401, id="wrong"),
        pytest.param(TOKEN, TOKEN, 401, id="without the word Bearer"),
        pytest.param(TOKEN, "Bearer é", 401, id="strange letters"),
    ],
)
def test_page_is_for_those_who_have_the_token(db, settings, token, header, status):
    settings.HUB_METRICS_TOKEN = token
    answer = Client().get("/metrics", headers={"Authorization": header})
    assert answer.status_code == status
    assert b"hub_rows" not in answer.content


def test_counts_of_many_processes_and_threads_add_up(scrape, settings):
    environment = {**os.environ, "HUB_DATA_DIR": str(settings.HUB_DATA_DIR), "REDIS_URL": settings.REDIS_URL,
                   "DJANGO_SETTINGS_MODULE": "tiktok_hub.settings"}  # fmt: skip
    processes = [subprocess.Popen([sys.executable, "-c", COUNT], cwd=ROOT, env=environment) for _ in range(2)]
    threads = [threading.Thread(target=lambda: [count(families.THROTTLES, 1, "x", tenant="") for _ in range(1000)])
               for _ in range(4)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    found = scrape()
    assert found["hub_tiktok_throttles_total", "event/track"] == 1000
    assert found["hub_tiktok_throttles_total", "x"] == 4000


def test_measurements_fall_into_buckets(scrape):
    for seconds in (0.5, 1.0, 20.0, 99_999.0):
        observe(families.RUN_SECONDS, seconds, "p", "succeeded", tenant="")
    found = scrape()
    buckets = {bound: found["hub_run_seconds_bucket", bound, "p", "succeeded"] for bound in ("1.0", "60.0", "+Inf")}
    assert buckets == {"1.0": 2, "60.0": 3, "+Inf": 4}
    assert found["hub_run_seconds_count", "p", "succeeded"] == 4
    assert found["hub_run_seconds_sum", "p", "succeeded"] == 100_020.5


def test_group_whose_answer_was_lost_is_counted_once(broker):
    recorder = Recorder()
    for _ in range(2):
        assert recorder._send("group", {'["hub_rows","","p","selected"]': 5})
    assert float(broker.hget(counts_key(), '["hub_rows","","p","selected"]')) == 5


def test_counts_wait_while_the_broker_is_away_and_delay_nothing(broker, settings, caplog):
    caplog.set_level(logging.WARNING, "tiktok_hub.metrics")
    address, recorder = settings.REDIS_URL, Recorder()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        begun = time.perf_counter()
        for _ in range(10_000):
            recorder.add({'["hub_rows"]': 1})
        assert time.perf_counter() - begun < 1
        assert [recorder.flush(), recorder.flush()] == [False, False]
    settings.REDIS_URL = address
    assert recorder.flush()
    assert float(broker.hget(counts_key(), '["hub_rows"]')) == 10_000
    assert [record.getMessage() for record in caplog.records if "metrics wait" in record.getMessage()] == [
        "metrics wait until the broker is back: TimeoutError"
    ]


@pytest.mark.parametrize("named", [True, False])
def test_tenants_are_named_only_where_that_is_wanted(scrape, acme, globex, settings, named):
    settings.HUB_METRICS_TENANTS = True
    for tenant in (acme, globex):
        with tenant_scope(tenant):
            count(families.ROWS, 2, "p", "selected")
    settings.HUB_METRICS_TENANTS = named
    found = {labels: value for labels, value in scrape().items() if labels[0] == "hub_rows_total"}
    alone, both = {("hub_rows_total", "selected", "p"): 4}, {("acme",): 2, ("globex",): 2}
    assert found == (
        {("hub_rows_total", "selected", "p", *name): value for name, value in both.items()} if named else alone
    )


def test_page_is_there_while_the_broker_is_not(scrape, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = scrape()
    assert found["hub_part_up", "broker"] == 0
    assert found["hub_part_up", "database"] == found["hub_part_up", "storage"] == 1
    assert found["hub_runs", "queued"] == 0
