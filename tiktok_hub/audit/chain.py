"""Chain the entries of each tenant, so that a record which somebody changed, removed or slipped in is found.

Entries are written in the transaction of what they tell of; when it has ended they get a place in the chain, in a
transaction of their own that waits for nobody but other seals. What a process that died left without a place gets one
with the next entry, or when the chain is verified.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from django.db import connection, transaction

from tiktok_hub.audit.models import Entry, Seal
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import hub_scope

START = "0" * 64
# First key of the advisory lock under which PostgreSQL gives out places; the second is the chain.
_LOCK = 0x5EA1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of verifying one chain: how many entries hold, the last digest, and the first fault, if any."""

    chain: int
    entries: int
    head: str
    fault: str = ""
    entry_id: int | None = None


def entry_digest(entry: Entry, number: int, previous: str) -> str:
    """Return the SHA-256 of an entry at its place: JSON with sorted keys, times in UTC, after the digest before it."""
    told = {
        "previous": previous, "number": number, "tenant": entry.tenant_id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": entry.actor_id, "actor": entry.actor, "via": entry.via, "ip": entry.ip, "action": entry.action,
        "object_type": entry.object_type, "object_id": entry.object_id, "object_name": entry.object_name,
        "changes": entry.changes,
    }  # fmt: skip
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def chain_seal(tenant_id: int | None) -> int:
    """Give every entry of a tenant (None: of the installation) that has no place the next one; return how many."""
    with hub_scope(), transaction.atomic():
        chain = tenant_id or 0
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, chain])
        last = Seal.objects.filter(chain=chain).order_by("-number").first()
        number, digest = (last.number, last.digest) if last else (0, START)
        waiting = list(Entry.objects.filter(tenant=tenant_id, seal=None).order_by("pk"))
        for entry in waiting:
            number += 1
            digest = entry_digest(entry, number, digest)
            Seal(tenant_id=tenant_id, entry=entry, chain=chain, number=number, digest=digest).save(force_insert=True)
    return len(waiting)


def chain_verify(tenant_id: int | None) -> Verdict:
    """Go through one chain from its start and say where it breaks first, if it does."""
    chain, number, digest = tenant_id or 0, 0, START
    with hub_scope():
        for seal in _seals(chain):
            number += 1
            entry = Entry.objects.filter(pk=seal.entry_id).first()
            if seal.number != number:
                fault = f"record {number} is missing: the next one is number {seal.number}"
            elif entry is None:
                fault = f"record {number} is missing: its seal points to entry {seal.entry_id}, which is gone"
            elif seal.digest != entry_digest(entry, number, digest):
                fault = f"record {number} (entry {entry.pk}, {entry.at:%Y-%m-%d %H:%M:%S} UTC) was changed"
            else:
                digest = seal.digest
                continue
            return Verdict(chain, number - 1, digest, fault, seal.entry_id)
    return Verdict(chain, number, digest)


def _seals(chain: int) -> Iterator[Seal]:
    return iter(Seal.objects.filter(chain=chain).order_by("number").iterator(chunk_size=2000))


def chains() -> list[int]:
    """Return all chains that exist: ids of tenants, also of deleted ones, and 0."""
    with hub_scope():
        with_seals = set(Seal.objects.values_list("chain", flat=True).distinct().order_by())
        tenants = set(Tenant.objects.values_list("pk", flat=True))
        with_entries = set(Entry.objects.values_list("tenant", flat=True).distinct().order_by())
    return sorted({0, *with_seals, *(tenant or 0 for tenant in with_entries), *tenants})
