"""Stream people into and out of Partner audiences: /segment/audience/ and /segment/mapping/ (doc 1740939583739393).

A request is taken as a whole or refused as a whole. Adding an id that is in, or deleting one that is out, is success.
*Assumed*: at most 10,000 people per request (Braze's documentation), refused with 40061; a person row needs an id; an
audience of another type than Partner and an unknown one are both 40002, a deleted one 40007.
"""

from collections.abc import Callable
from typing import Any

from destinations.emulator.api import Endpoint, Job
from destinations.emulator.audiences import INVALID_ID, PARTNER, Audience, changed, delete, editable
from destinations.emulator.body import json_object
from destinations.emulator.checks import FieldError, MissingError, check_text, one_of
from destinations.emulator.digests import digest_check
from destinations.emulator.errors import BATCH_SIZE, NOT_ALLOW_LISTED, PARAMETER, ApiError
from destinations.emulator.fields import body_fields, check_id, checked, refusal, some_of
from destinations.emulator.members import Row

READ, WRITE = 30, 31
WRITERS = ("ADMIN", "OPERATOR")
SCHEMA = ("EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "AAID_SHA256", "IDFA_MD5", "AAID_MD5")
MOST_PEOPLE = 10_000
MOST_ADVERTISERS = 100
NAME_LENGTH = 70

_AUDIENCE = {
    "advertiser_id": check_id,
    "action": one_of("create", "delete"),
    "custom_audience_name": check_text,
    "delete_audience_id": check_text,
}
Touched = dict[str, list[Row]]
"""Rows of a request per audience id."""


def audience(job: Job) -> dict[str, Any]:
    """Create an audience (names are not unique; long ones are shortened), or delete one."""
    _allow_listed(job)
    values = body_fields(job, _AUDIENCE, ("advertiser_id",))
    action = values.get("action", "create")
    needed, odd = ("custom_audience_name", "delete_audience_id")[:: 1 if action == "create" else -1]
    if needed not in values:
        raise refusal(MissingError("missing.", path=(needed,)))
    if odd in values:
        raise refusal(FieldError(f"not allowed with the action {action}.", path=(odd,)))
    advertiser_id = job.advertiser(values["advertiser_id"], *WRITERS)
    store, now, rules = job.state.audiences, job.state.now(), job.state.audience_rules
    if action == "create":
        made = store.create(shortened(values["custom_audience_name"]), advertiser_id, PARTNER, now, rules)
        return {"audience_id": made.audience_id}
    found = store.owned(values["delete_audience_id"], [advertiser_id], now, rules)
    if found.audience_type != PARTNER:
        raise ApiError(PARAMETER, INVALID_ID)
    delete(found)
    return {"audience_id": found.audience_id}


def shortened(name: str) -> str:
    """Shorten a name of more than 70 characters to 67 and three dots, as TikTok does."""
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 3] + "..."


def mapping(job: Job) -> dict[str, Any]:
    """Check a request, then add or delete its ids."""
    if job.state.null:
        job.call.items = job.call.body.count(b"[{")
        return {}
    _allow_listed(job)
    body = checked(json_object(job.call), _MAPPING, ("advertiser_ids", "id_schema", "batch_data"))
    people, schema = body["batch_data"], _schema(body["id_schema"])
    job.call.items = len(people)
    with job.state.lock:
        _advertisers(job, body["advertiser_ids"])
    if len(people) > MOST_PEOPLE:
        raise ApiError(BATCH_SIZE, f"Invalid value for batch_data: length must be between 1 and {MOST_PEOPLE}.")
    try:
        touched = _rows(people, schema)
    except FieldError as error:
        raise refusal(error.under("batch_data")) from None
    _commit(job, body["advertiser_ids"], body.get("action", "add"), touched)
    return {}


def _people(value: object) -> None:
    if type(value) is not list:
        raise FieldError("not a valid list.")
    if not value:
        raise FieldError(f"length must be between 1 and {MOST_PEOPLE}.")


_MAPPING = {
    "advertiser_ids": some_of(check_id, MOST_ADVERTISERS),
    "action": one_of("add", "delete"),
    "id_schema": some_of(check_text, len(SCHEMA)),
    "batch_data": _people,
}


def _allow_listed(job: Job) -> None:
    if not job.state.options.streaming_allow_listed:
        raise ApiError(
            NOT_ALLOW_LISTED,
            "This feature is only available to allow-listed developers. Contact your TikTok representative.",
        )


def _schema(names: list[str]) -> list[str]:
    upper = [name.upper() for name in names]
    if set(upper) - set(SCHEMA):
        raise refusal(FieldError("not a valid choice.", path=("id_schema",)))
    if len(set(upper)) != len(upper):
        raise refusal(FieldError("must not hold a value twice.", path=("id_schema",)))
    return upper


def _advertisers(job: Job, advertiser_ids: list[str]) -> None:
    """Check that the token may write to each ad account, and that one Business Center owns them all."""
    for advertiser_id in advertiser_ids:
        job.advertiser(advertiser_id, *WRITERS)
    centers = {job.state.registry.advertisers[advertiser_id].bc_id for advertiser_id in advertiser_ids}
    if len(advertiser_ids) > 1 and (len(centers) > 1 or "" in centers):
        raise ApiError(
            PARAMETER, "Invalid value for advertiser_ids: the advertisers must belong to the same Business Center."
        )


def _rows(people: list[Any], schema: list[str]) -> Touched:
    """Check every element and gather, per audience, the ids of each person."""
    columns = [(kind, digest_check(kind)) for kind in schema]
    touched: Touched = {}
    for index, person in enumerate(people):
        if type(person) is not list:
            raise FieldError("not a valid list.", path=(index,))
        if len(person) != len(columns):
            raise FieldError(f"a row has {len(person)} elements, id_schema has {len(columns)}.", path=(index,))
        mine: dict[str, Row] = {}
        for (kind, check), element in zip(columns, person, strict=True):
            if element != {}:
                _element(mine, kind, check, element)
        if not mine:
            raise FieldError("a row must hold at least one id.", path=(index,))
        for audience_id, row in mine.items():
            touched.setdefault(audience_id, []).append(row)
    return touched


def _element(mine: dict[str, Row], kind: str, check: Callable[[object], bytes], element: object) -> None:
    if type(element) is not dict:
        raise FieldError("not a valid object.")
    for name in ("id", "audience_ids"):
        if name not in element:
            raise MissingError("missing.", path=(name,))
    if len(element) > 2:
        raise FieldError("unknown field.", path=(next(name for name in element if name not in ("id", "audience_ids")),))
    try:
        digest = check(element["id"])
    except FieldError as error:
        raise error.under("id") from None
    audience_ids = element["audience_ids"]
    if type(audience_ids) is not list or not audience_ids:
        raise FieldError("not a valid list.", path=("audience_ids",))
    if not all(type(audience_id) is str for audience_id in audience_ids):
        raise FieldError("not a valid string.", path=("audience_ids",))
    for audience_id in audience_ids if len(audience_ids) == 1 else set(audience_ids):
        row = mine.get(audience_id)
        if row is None:
            mine[audience_id] = [(kind, digest)]
        else:
            row.append((kind, digest))


def _commit(job: Job, advertiser_ids: list[str], action: str, touched: Touched) -> None:
    """Look up all audiences before changing the first of them."""
    state = job.state
    with state.lock:
        now, rules = state.now(), state.audience_rules
        found: list[tuple[Audience, list[Row]]] = []
        for audience_id, rows in touched.items():
            row = state.audiences.owned(audience_id, advertiser_ids, now, rules)
            if row.audience_type != PARTNER:
                raise ApiError(PARAMETER, INVALID_ID)
            editable(row, now)
            found.append((row, rows))
        for row, rows in found:
            (row.members.add if action == "add" else row.members.remove)(rows)
            changed(row, now, rules)
            row.note(now, "Update", f"{action} {len(rows)} people")


ENDPOINTS = [
    Endpoint("POST", "/segment/audience/", audience, frozenset({WRITE})),
    Endpoint("POST", "/segment/mapping/", mapping, frozenset({WRITE}), locked=False),
]
