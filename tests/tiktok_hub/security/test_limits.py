"""Tries are counted for all processes together, and by each process alone where the broker is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import valkey_running
from tiktok_hub.limits import Limit, limit_hit, network_of

TWICE = Limit("twice", times=2, seconds=60)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory) -> Iterator[str]:
    """A broker of the test's own."""
    with valkey_running(Path(tmp_path_factory.mktemp("valkey")) / "server") as url:
        yield url


@pytest.fixture(params=["with a broker", "without one"])
def broker(request, settings) -> str:
    """Count in a broker, or nowhere but here."""
    away = f"redis://127.0.0.1:9/{request.node.name}"
    settings.REDIS_URL = request.getfixturevalue("valkey") if request.param == "with a broker" else away
    return str(request.param)


def test_the_third_try_waits(broker):
    assert [limit_hit(TWICE, f"ann {broker}") for _ in range(2)] == [0.0, 0.0]
    assert 0 < limit_hit(TWICE, f"ann {broker}") <= 60


def test_others_do_not_wait(broker):
    for _ in range(3):
        limit_hit(TWICE, f"eve {broker}")
    assert limit_hit(TWICE, f"bob {broker}") == 0.0


def test_a_window_ends(broker):
    short = Limit("short", times=1, seconds=0.2)
    assert limit_hit(short, broker) == 0.0
    while limit_hit(short, broker):
        pass
    assert limit_hit(short, broker) > 0


def test_a_broker_that_is_away_is_told_in_the_log(settings, caplog, monkeypatch):
    from tiktok_hub import limits

    monkeypatch.setattr(limits, "_here", limits._Here())
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    for _ in range(3):
        limit_hit(TWICE, "someone")
    assert caplog.text.count("counted by each process alone") == 1


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_connection_is_one_address_or_one_network(address, who):
    assert network_of(address) == who
