"""Audiences as plain Python: what one would write with dicts and sets, no engine.

It is the baseline of the benchmark and the oracle of the property tests. It shares no code with the product; rules are
written down a second time. Idiomatic rather than tuned: one pass over rows, `hashlib`, sets of digests, `json`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import phonenumbers

from tests.benchmark.reference import EMAIL, HASHED, Issue, masked, phone_hash, sha256, text

TYPES = ("EMAIL", "PHONE", "IDFA", "AAID")
PHONE = TYPES.index("PHONE")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ZEROS = "00000000-0000-0000-0000-000000000000"
ADVERTISER, AUDIENCE = "{{ advertiser id }}", "{{  audience id  }}"

Id = tuple[int, bytes]


@dataclass
class AudienceRules:
    """Settings as the rules read them."""

    types: Sequence[str] = ("EMAIL", "PHONE")
    country: str | None = None
    email_rule: str = "audience"
    people_per_request: int = 5_000
    bytes_per_request: int = 1_000_000

    @cached_property
    def kinds(self) -> list[int]:
        return [kind for kind, name in enumerate(TYPES) if name in self.types]


def email_digest(value: str, rule: str, region: str | None = None) -> str:
    if HASHED.fullmatch(value):
        return value.lower()
    if not value.isascii():
        local, _, domain = value.rpartition("@")
        try:
            value = f"{local}@{domain.encode('idna').decode()}"
        except UnicodeError:
            raise ValueError("bad_email") from None
    if not EMAIL.fullmatch(value) or len(value) > 254:
        raise ValueError("bad_email")
    value = value.lower()
    if rule == "audience":
        local, domain = value.split("@")
        local = local.split("+")[0].replace(".", "")
        if not local:
            raise ValueError("bad_email")
        value = f"{local}@{domain}"
    return sha256(value)


def phone_digest(value: str, rule: str, region: str | None) -> str:
    return phone_hash(value, region)


def device_digest(value: str, rule: str = "", region: str | None = None) -> str:
    value = value.lower()
    if HASHED.fullmatch(value):
        return value
    if not UUID.fullmatch(value) or value == ZEROS:
        raise ValueError("bad_device_id")
    return sha256(value)


READERS: tuple[Callable[[str, str, str | None], str], ...] = (email_digest, phone_digest, device_digest, device_digest)
COLUMNS = [name.lower() for name in TYPES]


def _shown(column: str, raw: object) -> str | None:
    written = text(raw)
    if column in ("idfa", "aaid"):
        return written[0] + "•••" if written else None
    return masked(column, raw)


def identify(number: int, row: Mapping[str, Any], rules: AudienceRules) -> tuple[list[Id], list[Issue]]:
    """Give the ids of a row in the order of their types, and what is wrong with it."""
    warnings: list[Issue] = []
    region = rules.country
    given = text(row.get("country")) if PHONE in rules.kinds else None
    if given is not None:
        if given.upper() in phonenumbers.SUPPORTED_REGIONS:
            region = given.upper()
        else:
            warnings.append((number, "country", "bad_country", masked("country", row["country"]), "warning"))
    ids: list[Id] = []
    bad: list[Issue] = []
    for kind in rules.kinds:
        column = COLUMNS[kind]
        value = text(row.get(column))
        if value is not None:
            try:
                ids.append((kind, bytes.fromhex(READERS[kind](value, rules.email_rule, region))))
            except ValueError as error:
                bad.append((number, column, str(error), _shown(column, row[column]), "warning"))
    if ids:
        return ids, bad + warnings
    column = TYPES[rules.kinds[0]].lower()
    missing = (number, column, "missing_identity", _shown(column, row.get(column)), "reject")
    return [], [(*bad[0][:4], "reject") if bad else missing]


@dataclass
class Wanted:
    """What a query's rows come to: ids with their owner rows, the owner rows' ids, and issues."""

    owner: dict[Id, int] = field(default_factory=dict)
    rows: dict[int, list[Id]] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    valid: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(4), 0))

    def person(self, row: int) -> int:
        return int.from_bytes(self.rows[row][0][1][:8], "big")


def read(rows: Iterable[Mapping[str, Any]], rules: AudienceRules) -> Wanted:
    """Normalise and hash every row; the first row that has an id owns it."""
    wanted = Wanted()
    for number, row in enumerate(rows, 1):
        ids, issues = identify(number, row, rules)
        wanted.issues += issues
        if not ids:
            continue
        for kind, _ in ids:
            wanted.valid[kind] += 1
        new = [one for one in ids if one not in wanted.owner]
        if new:
            wanted.rows[number] = ids
            wanted.owner.update(dict.fromkeys(new, number))
        else:
            column = TYPES[ids[0][0]].lower()
            wanted.issues.append((number, column, "duplicate_person", None, "duplicate"))
    return wanted


def bodies(action: str, people: Iterable[Iterable[Id]], rules: AudienceRules) -> Iterator[bytes]:
    """Write requests of so many people, and at most so many bytes."""
    head: dict[str, Any] = {
        "advertiser_ids": [ADVERTISER],
        "action": action,
        "id_schema": [f"{TYPES[kind]}_SHA256" for kind in rules.kinds],
        "batch_data": [],
    }
    room = rules.bytes_per_request - len(_dumps(head))
    batch: list[list[dict[str, Any]]] = []
    size = 0
    for ids in people:
        by_kind = dict(ids)
        item: list[dict[str, Any]] = [
            {"id": by_kind[kind].hex(), "audience_ids": [AUDIENCE]} if kind in by_kind else {} for kind in rules.kinds
        ]
        length = len(_dumps(item)) + bool(batch)
        if batch and (len(batch) == rules.people_per_request or size + length > room):
            yield _dumps(head | {"batch_data": batch})
            batch, size = [], 0
            length = len(_dumps(item))
        batch.append(item)
        size += length
    if batch:
        yield _dumps(head | {"batch_data": batch})


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def mirror(wanted: Wanted, state: Mapping[Id, int], rules: AudienceRules) -> tuple[list[bytes], list[bytes]]:
    """Compare with what was told (id → person, all sure); write the requests that delete and that add."""
    missing = wanted.owner.keys() - state.keys()
    gone: dict[int, list[Id]] = {}
    for one in state.keys() - wanted.owner.keys():
        gone.setdefault(state[one], []).append(one)
    people = [sorted(gone[person]) for person in sorted(gone)]
    owners = sorted({wanted.owner[one] for one in missing})
    added = (wanted.rows[row] for row in owners)
    return list(bodies("delete", people, rules)), list(bodies("add", added, rules))
