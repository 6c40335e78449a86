"""Fixtures of the conformance suite: a world per provider, for a tenant and its neighbour."""

import pytest

from tests.conformance.provider import Provider
from tests.conformance.providers import providers_all
from tests.conformance.world import World


@pytest.fixture(params=providers_all(), ids=lambda provider: provider.name)
def provider(request) -> Provider:
    """Each destination in turn."""
    return request.param


@pytest.fixture(autouse=True)
def _short_waits(settings, monkeypatch):
    """Retry quickly, stream faster than we would at TikTok, and let no task leave: these tests are the workers."""
    settings.HUB_RETRY_SECONDS = [0.01, 0.02, 0.04]
    monkeypatch.setattr("destinations.tiktok.limits.buckets.SEGMENT_QPS", 1000.0)
    monkeypatch.setattr("orchestrations.doorbell.task_send", lambda *args: True)


@pytest.fixture
def world(transactional_db, provider, acme, ada, membership_in, emulator, tmp_path) -> World:
    """Acme and its destination."""
    return World(provider, membership_in(ada, acme), emulator, tmp_path)


@pytest.fixture
def other(transactional_db, provider, globex, charlie, membership_in, emulator, tmp_path) -> World:
    """Globex and its destination."""
    return World(provider, membership_in(charlie, globex), emulator, tmp_path)
