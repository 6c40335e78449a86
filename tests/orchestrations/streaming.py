"""Streams for tests, and chunks as the door writes them."""

from typing import Any

import orjson

from destinations.choices import CredentialStatus, CredentialType
from destinations.models import Credential, Destination
from orchestrations.models import Chunk, Stream
from orchestrations.streams.contents import Contents, contents_pack
from orchestrations.streams.services import stream_make
from tests.orchestrations.conftest import ACCOUNTS
from tiktok_hub.tenancy.administration import administrator_first
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

PIXEL = "C4AFGT5K8M2N6P7Q9R0S"
DIGEST = "b1195684b48b9fe600fcabf4559aab288df409076f56562a63e2569a5f6d38a7"
EVENT = {
    "event": "Purchase", "event_time": 1_795_000_000, "event_id": "order-1",
    "user": {"email": DIGEST, "ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "locale": "en-US"},
}  # fmt: skip


def destination_in(tenant: Tenant, plugin: str = "tiktok-ads-events", **settings: Any) -> Destination:
    """Make a destination of a tenant that events or people can be sent to."""
    token, advertiser, event_set = ACCOUNTS[tenant.slug]
    audience = plugin == "tiktok-ads"
    usual: dict[str, Any] = {"event_source": "offline", "event_source_id": event_set}
    if audience:
        usual = {"audience_name": "members", "user_id_types": ["EMAIL"]}
    with tenant_scope(tenant):
        credential = Credential.objects.create(
            tenant=tenant, name=f"{plugin} token", access_token=token, status=CredentialStatus.AUTHORISED,
            type=CredentialType.AUDIENCES if audience else CredentialType.EVENTS,
        )  # fmt: skip
        return Destination.objects.create(
            tenant=tenant, name=f"{plugin} destination", plugin=plugin, credential=credential,
            settings={"advertiser_id": advertiser, **usual, **settings},
        )  # fmt: skip


def stream_in(tenant: Tenant, destination: Destination | None = None, name: str = "shop", **own: Any) -> Stream:
    """Make a stream of a tenant, in the name of its administrator."""
    destination = destination or destination_in(tenant)
    with tenant_scope(tenant):
        return stream_make(name=name, destination=destination, membership=administrator_first(), **own)


def chunk_add(stream: Stream, events: list[dict[str, Any]], issues: list[list[Any]] | None = None, **own: Any) -> Chunk:
    """Put a chunk before a stream: events that were accepted, and one more item for each number that was rejected."""
    rejected = sorted({issue[0] for issue in issues or [] if issue[4] == "reject"})
    rows = len(events) + len(rejected)
    numbers = [number for number in range(rows) if number not in rejected]
    body = orjson.dumps({"event_source": "offline", "event_source_id": "1", "data": events})
    names = {str(number): ["Purchase", f"bad-{number}"] for number in rejected}
    with tenant_scope(stream.tenant):
        return Chunk.objects.create(
            tenant=stream.tenant, stream=stream, rows=rows, events=len(events), bytes=len(body),
            content=contents_pack(Contents(body, numbers, issues or [], names)), **own,
        )  # fmt: skip
