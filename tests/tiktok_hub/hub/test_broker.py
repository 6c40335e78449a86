"""The embedded broker: found, started, answering, and keeping what it was given."""

import os
import stat
from pathlib import Path

import pytest
import redis

from tiktok_hub.hub import broker
from tiktok_hub.hub.broker import (
    BrokerError,
    broker_lock,
    broker_ping,
    broker_running,
    celery_url,
    server_find,
    socket_path,
    socket_url,
)


def client(folder: Path) -> redis.Redis:
    """Connect to the broker of a folder as the limiter does."""
    return redis.Redis.from_url(socket_url(folder))


def test_server_is_found_in_the_package():
    assert server_find().name == "valkey-server"


def test_server_is_found_on_path_without_the_package(monkeypatch, tmp_path):
    program = tmp_path / "redis-server"
    program.touch(mode=0o755)
    monkeypatch.setattr(broker.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert server_find() == program


def test_missing_server_is_one_sentence_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(broker.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="REDIS_URL"):
        server_find()


def test_ping_is_false_where_nothing_listens(tmp_path):
    assert broker_ping(tmp_path) is False


def test_broker_answers_during_the_block_only(tmp_path):
    with broker_running(tmp_path):
        assert broker_ping(tmp_path)
    assert not broker_ping(tmp_path)


def test_second_block_uses_the_broker_that_answers(tmp_path):
    with broker_running(tmp_path), broker_running(tmp_path) as second:
        assert second is None


@pytest.mark.parametrize("name", ["with blank", "x" * 120, "ünïcode"], ids=["blank", "long", "unicode"])
def test_broker_runs_in_a_folder_of_any_name(tmp_path, name):
    with broker_running(tmp_path / name):
        assert client(tmp_path / name).ping()


def test_broker_keeps_its_data_when_it_is_killed(tmp_path):
    with broker_running(tmp_path) as child:
        client(tmp_path).set("task", "waiting")
        child.process.kill()
        child.process.wait()
    with broker_running(tmp_path):
        assert client(tmp_path).get("task") == b"waiting"


def test_broker_folder_is_open_to_its_owner_alone(tmp_path):
    with broker_running(tmp_path / "data"):
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        assert stat.S_IMODE(socket_path(tmp_path / "data").stat().st_mode) == 0o700


def test_two_brokers_never_write_the_same_files(tmp_path):
    with (
        broker_lock(tmp_path),
        pytest.raises(BrokerError, match="Another program runs the broker"),
        broker_lock(tmp_path, seconds=0.2),
    ):
        pass


def test_socket_of_a_long_folder_is_in_a_short_private_one(tmp_path):
    path = socket_path(tmp_path / ("x" * 120))
    assert len(os.fsencode(path)) < 108
    assert str(os.getuid()) in path.parent.name


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///data/broker.sock", "redis+socket:///data/broker.sock"),
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("rediss://cache/1", "rediss://cache/1"),
    ],
    ids=["socket", "tcp", "tls"],
)
def test_celery_url_is_what_celery_reads(url, expected):
    assert celery_url(url) == expected
