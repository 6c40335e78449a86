"""Locks that end with their holder, and ports that are looked at before anything starts."""

import socket

import pytest

from tiktok_hub.hub import locks
from tiktok_hub.hub.ports import PortError, free_port, listen


def test_lock_is_refused_while_somebody_holds_it(tmp_path):
    with (
        locks.exclusive(tmp_path / "lock"),
        pytest.raises(locks.LockedError),
        locks.exclusive(tmp_path / "lock"),
    ):
        pass


def test_lock_tells_what_its_holder_wrote(tmp_path):
    with locks.exclusive(tmp_path / "lock") as file:
        locks.holder_write(file, {"pid": 7})
        assert locks.holder_read(tmp_path / "lock") == {"pid": 7}


def test_lock_without_holder_tells_nothing(tmp_path):
    with locks.exclusive(tmp_path / "lock") as file:
        locks.holder_write(file, {"pid": 7})
    assert locks.holder_read(tmp_path / "lock") is None
    assert locks.holder_read(tmp_path / "other") is None


def test_lock_can_be_shared(tmp_path):
    with locks.shared(tmp_path / "lock"), locks.shared(tmp_path / "lock", seconds=0) as second:
        assert not second.closed


def test_lock_is_not_given_to_one_while_others_share_it(tmp_path):
    with (
        locks.shared(tmp_path / "lock"),
        pytest.raises(locks.LockedError),
        locks.exclusive(tmp_path / "lock", seconds=0.1),
    ):
        pass


def test_busy_port_is_a_sentence_that_names_another():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortError, match=f"Port {port} on 127.0.0.1 is in use .* say {port + 1}"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 70_000], ids=["negative", "too large"])
def test_impossible_port_is_a_sentence(port):
    with pytest.raises(PortError, match="Cannot listen"):
        listen("127.0.0.1", port)


def test_free_port_can_be_listened_on():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
