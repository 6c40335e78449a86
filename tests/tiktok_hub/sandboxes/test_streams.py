"""Streams between production and its sandbox."""

import pytest

from destinations.models import Destination
from orchestrations.models import Stream
from orchestrations.streams.services import stream_delete, stream_make
from tiktok_hub.sandboxes.promoting import sandbox_promote
from tiktok_hub.sandboxes.services import sandbox_create
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

EVENT_SET = {"event_source_id": "7654321098765432100"}


def shop(tenant: Tenant) -> Stream:
    with tenant_scope(tenant):
        return Stream.objects.select_related("orchestration__destination").get()


@pytest.fixture
def with_stream(production, other, admin):
    """A sandbox of Acme after it has got a stream."""
    with tenant_scope(production):
        destination = Destination.objects.get(name="store")
        stream_make(name="shop", destination=destination, membership=admin, settings=EVENT_SET)
    return sandbox_create(production=production, name="test", membership=admin)


def test_a_stream_is_copied_with_an_address_of_its_own(with_stream, production):
    theirs, ours = shop(production), shop(with_stream.twin)
    assert str(theirs) == str(ours)
    assert theirs.public_id != ours.public_id


def test_a_changed_stream_travels_to_production(with_stream, production, admin):
    with tenant_scope(with_stream.twin):
        Stream.objects.update(max_age_seconds=9)
    before = shop(production).public_id
    sandbox_promote(sandbox=with_stream, membership=admin, message="Sooner")
    assert (shop(production).max_age_seconds, shop(production).public_id) == (9, before)


def test_a_stream_that_was_deleted_in_the_sandbox_is_removed_where_that_is_asked_for(with_stream, production, admin):
    with tenant_scope(with_stream.twin):
        stream_delete(stream=shop(with_stream.twin))
    sandbox_promote(sandbox=with_stream, membership=admin, message="Gone", remove=True)
    with tenant_scope(production):
        assert not Stream.objects.exists()
