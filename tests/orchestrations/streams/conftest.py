"""Streams that can really send, and chunks as the collector leaves them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from destinations.preparation.contract import Context
from destinations.preparation.door import EventDoor
from destinations.preparation.door_audiences import AudienceDoor
from orchestrations.models import Chunk, Orchestration, Run, Stream
from orchestrations.streams.contents import Contents, contents_pack
from tests.orchestrations.conftest import ACCOUNTS
from tests.orchestrations.streams.audiences import Sharer
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope


def items(count: int, first: int = 0, **changes: Any) -> list[dict[str, Any]]:
    """Make good purchases with ids `order-00000` and so on; `changes` overrides a value, or removes it by None."""
    now = datetime.now(tz=UTC)
    made = [
        {
            "event": "Purchase", "event_id": f"order-{index:05d}", "email": f"person{index}@mail.example",
            "timestamp": (now - timedelta(hours=3) + timedelta(seconds=index)).isoformat(),
            "value": f"{index % 90 + 10}.50", "currency": "USD", **changes,
        }
        for index in range(first, first + count)
    ]  # fmt: skip
    return [{name: value for name, value in item.items() if value is not None} for item in made]


@pytest.fixture
def stream_new(transactional_db) -> Callable[..., Stream]:
    """Make a stream to the tenant's offline event set; `fields` are the stream's, `settings` the destination's."""

    def make(tenant: Tenant, name: str = "shop", settings: dict[str, Any] | None = None, **fields: Any) -> Stream:
        token, advertiser, event_set = ACCOUNTS[tenant.slug]
        with tenant_scope(tenant):
            credential, _ = Credential.objects.get_or_create(
                tenant=tenant, name="events",
                defaults={"access_token": token, "status": CredentialStatus.AUTHORISED},
            )  # fmt: skip
            destination = Destination.objects.create(
                tenant=tenant, name=f"store {Destination.objects.count()}", plugin="tiktok-ads-events",
                credential=credential,
                settings={"advertiser_id": advertiser, "event_source": "offline", **(settings or {})},
            )  # fmt: skip
            orchestration = Orchestration.objects.create(
                tenant=tenant, name=name, destination=destination, settings={"event_source_id": event_set}
            )
            return Stream.objects.create(tenant=tenant, orchestration=orchestration, **fields)

    return make


@pytest.fixture
def chunk_new() -> Iterator[Callable[..., Chunk]]:
    """Let items wait in a chunk, prepared as the collector does; `fields` are the chunk's, `received_at` for one."""
    door = EventDoor()

    def make(stream: Stream, posted: list[dict[str, Any]], **fields: Any) -> Chunk:
        with tenant_scope(stream.tenant):
            spec = stream.orchestration.destination.spec
            settings = spec.settings_clean(stream.orchestration.settings_merged, "orchestration")
        context = Context(int(datetime.now(tz=UTC).timestamp()), stream.tenant.time_zone, None, spec.limits)
        admitted = door.prepare([[item] for item in posted], spec=spec, settings=settings, context=context)
        body = admitted.body(settings) if admitted.texts else b""
        contents = Contents(body, admitted.numbers, admitted.issues)
        with tenant_scope(stream.tenant):
            return Chunk.objects.create(
                tenant=stream.tenant, stream=stream, rows=len(posted), events=len(admitted.texts),
                bytes=sum(map(len, admitted.texts)), content=contents_pack(contents), **fields,
            )  # fmt: skip

    yield make
    door.close()


def runs_of(stream: Stream) -> list[Run]:
    """Return the runs of a stream, the oldest first."""
    with tenant_scope(stream.tenant):
        return list(Run.objects.filter(orchestration=stream.orchestration_id).order_by("pk"))


@pytest.fixture
def sharer_of(transactional_db, membership_in, emulator, tmp_path) -> Iterator[Callable[..., Sharer]]:
    """Make a tenant's audience that a stream and a query share."""
    door = AudienceDoor()

    def make(user: Any, tenant: Any) -> Sharer:
        sharer = Sharer(membership_in(user, tenant), emulator, tmp_path)
        sharer.door = door
        sharer.set_up([])
        sharer.stream_up()
        return sharer

    yield make
    door.close()


@pytest.fixture
def sharer(sharer_of, ada, acme) -> Sharer:
    """Acme's audience, in Ada's hands."""
    return sharer_of(ada, acme)
