"""Chain the entries of each tenant, so that a record which somebody changed, removed or slipped in is found.

Entries are written in the transaction of what they tell of; when it has ended they get a place in the chain, in a
transaction of their own that waits for nobody but other seals. What a process that died left without a place gets one
within the hour, or when the chain is verified.

Whoever may change tables could also write a whole chain anew: only a head (number and digest) that is noted elsewhere
shows it, as it shows a tail that was cut off.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from tiktok_hub.audit.models import Entry, Seal
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import hub_scope

START = "0" * 64
# First key of the advisory lock under which PostgreSQL gives out places; the second is the chain.
_LOCK = 0x5EA1
_LOCK_KEYS = 2**31
_CHUNK = 2000
# Between what happened and its seal lies a moment; an hour where a process died and the hourly task came after it.
LATE = timedelta(hours=2)

Head = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of verifying one chain.

    `number` and `digest` are of the last record that holds, `fault` says what is wrong with the next one (`entry_id`
    is its entry, where that is known). `late` are entries that got their place long after the time that they state:
    left by a process that died, or slipped in.
    """

    chain: int
    number: int = 0
    digest: str = START
    fault: str = ""
    entry_id: int | None = None
    late: list[int] = field(default_factory=list)


def entry_digest(entry: Entry, number: int, previous: str, sealed_at: datetime) -> str:
    """Return the SHA-256 of an entry at its place: JSON with sorted keys, times in UTC, after the digest before it."""
    told = {
        "previous": previous, "number": number, "sealed_at": _utc(sealed_at), "tenant": entry.tenant_id,
        "at": _utc(entry.at), "actor_id": entry.actor_id, "actor": entry.actor, "via": entry.via, "ip": entry.ip,
        "action": entry.action, "object_type": entry.object_type, "object_id": entry.object_id,
        "object_name": entry.object_name, "changes": entry.changes,
    }  # fmt: skip
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def chain_seal(tenant_id: int | None, entry_ids: Sequence[int] | None = None) -> int:
    """Give entries of a tenant (None: of the installation) that have no place the next ones; return how many.

    Without `entry_ids` it is all that wait, also of a tenant that has been deleted.
    """
    chain, sealed_at = tenant_id or 0, timezone.now()
    with hub_scope(), transaction.atomic():
        _chain_lock(chain)
        last = Seal.objects.filter(chain=chain).order_by("-number").first()
        number, digest = (last.number, last.digest) if last else (0, START)
        waiting = Entry.objects.filter(tenant=tenant_id).order_by("pk")
        if entry_ids is None:
            waiting = waiting.filter(seal=None)
        else:
            sealed = Seal.objects.filter(entry__in=entry_ids).values_list("entry", flat=True)
            waiting = waiting.filter(pk__in={*entry_ids} - {*sealed})
        seals: list[Seal] = []
        for number, entry in enumerate(waiting, number + 1):  # noqa: B020 - it goes on from the last one
            digest = entry_digest(entry, number, digest, sealed_at)
            seals.append(
                Seal(tenant_id=tenant_id, entry=entry, chain=chain, number=number, digest=digest, at=sealed_at)
            )
        Seal.objects.bulk_create(seals, batch_size=500)
    return len(seals)


def _chain_lock(chain: int) -> None:
    """Wait for other seals of the chain until the transaction ends; on SQLite the transaction itself has waited."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, chain % _LOCK_KEYS])


def chains_seal() -> int:
    """Give every entry that waits its place, in all chains; return how many."""
    with hub_scope():
        waiting = list(Entry.objects.filter(seal=None).values_list("tenant", flat=True).distinct().order_by())
    return sum(chain_seal(tenant_id) for tenant_id in waiting)


def chain_verify(tenant_id: int | None, expected: Head | None = None) -> Verdict:
    """Go through one chain from its start and say where it breaks first, if it does.

    `expected` is a head that was noted before: its record must be there, with that digest.
    """
    verdict = Verdict(chain=tenant_id or 0)
    with hub_scope():
        for seal, entry in _links(verdict.chain):
            fault = _fault(verdict, seal, entry)
            if not fault and expected and seal.number == expected[0] and seal.digest != expected[1]:
                fault = f"record {seal.number} is not the one that was noted: the chain was written anew"
            if fault or entry is None:
                return replace(verdict, fault=fault, entry_id=seal.entry_id)
            late = [entry.pk] if abs(seal.at - entry.at) > LATE else []
            verdict = replace(verdict, number=seal.number, digest=seal.digest)
            verdict.late.extend(late)
    if expected and expected[0] > verdict.number:
        missing = f"record {verdict.number + 1} is missing: record {expected[0]} was noted, the tail was cut off"
        return replace(verdict, fault=missing)
    return verdict


def _fault(verdict: Verdict, seal: Seal, entry: Entry | None) -> str:
    """Say what is wrong with the record after those that hold; nothing where it holds too."""
    number = verdict.number + 1
    if seal.number != number:
        return f"record {number} is missing: the next one is number {seal.number}"
    if entry is None:
        return f"record {number} is missing: its seal is of entry {seal.entry_id}, which is gone"
    whole = seal.digest == entry_digest(entry, number, verdict.digest, seal.at)
    if whole and (entry.tenant_id or 0) == verdict.chain and seal.tenant_id == entry.tenant_id:
        return ""
    return f"record {number} (entry {entry.pk}, {entry.at:%Y-%m-%d %H:%M:%S} UTC) was changed, moved or slipped in"


def _links(chain: int) -> Iterator[tuple[Seal, Entry | None]]:
    """Yield a chain's seals in turn, each with its entry where that is there, in pieces that fit in memory."""
    seals = Seal.objects.filter(chain=chain).order_by("number")
    piece = list(seals[:_CHUNK])
    while piece:
        places = (piece[0].number, piece[-1].number)
        found = Entry.objects.filter(seal__chain=chain, seal__number__range=places).order_by()
        entries = {entry.pk: entry for entry in found}
        yield from ((seal, entries.get(seal.entry_id)) for seal in piece)
        piece = list(seals.filter(number__gt=piece[-1].number)[:_CHUNK])


def chains() -> dict[int, str]:
    """Return all chains that exist, and whose each is: ids of tenants, also of deleted ones, and 0."""
    with hub_scope():
        known = {0, *Seal.objects.values_list("chain", flat=True).distinct().order_by()}
        known |= {tenant or 0 for tenant in Entry.objects.values_list("tenant", flat=True).distinct().order_by()}
        slugs = dict(Tenant.objects.values_list("pk", "slug"))
    names = {0: "(the installation)"} | {chain: f"(deleted tenant {chain})" for chain in known - {0}} | slugs
    return dict(sorted(names.items()))
