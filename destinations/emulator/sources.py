"""List pixels, and list, create, change and delete offline event sets; list CRM event sets."""

import secrets
import time
from typing import Any

from destinations.emulator.accounts import page_of
from destinations.emulator.api import Endpoint, Job
from destinations.emulator.errors import NOT_EXIST, PARAMETER, ApiError
from destinations.emulator.model import EventSet, Pixel

OFFLINE_READ, OFFLINE_WRITE, CRM_READ = 7224195155857833986, 7050363942434095105, 7294180478502846465
WRITERS = ("ADMIN", "OPERATOR")
MOST_PIXELS = 20
MOST_SETS = 50


def pixel_list(job: Job) -> dict[str, Any]:
    """List the pixels of an ad account (TikTok doc 1740858697598978): at most 20 per page."""
    values = job.parameters("advertiser_id")
    advertiser_id = job.advertiser(values["advertiser_id"])
    order = values.get("order_by", "EARLIEST_CREATE")
    if order not in {"EARLIEST_CREATE", "LATEST_CREATE"}:
        raise ApiError(PARAMETER, "Invalid value for order_by: not a valid choice.")
    rows = [
        _pixel(pixel)
        for pixel in job.state.registry.pixels.values()
        if advertiser_id in pixel.advertiser_ids
        and values.get("pixel_id", pixel.pixel_id) == pixel.pixel_id
        and values.get("code", pixel.pixel_code) == pixel.pixel_code
        and values.get("name", "").lower() in pixel.pixel_name.lower()
    ]
    rows.sort(key=lambda row: str(row["create_time"]), reverse=order == "LATEST_CREATE")
    listed, info = page_of(job, rows, default=10, most=MOST_PIXELS)
    return {"pixels": listed, "page_info": info}


def _pixel(pixel: Pixel) -> dict[str, Any]:
    return {
        "pixel_id": pixel.pixel_id,
        "pixel_code": pixel.pixel_code,
        "pixel_name": pixel.pixel_name,
        "pixel_category": "ONLINE_STORE",
        "pixel_setup_mode": "STANDARD",
        "create_time": pixel.create_time,
        "advanced_matching_fields": {"email": True, "phone_number": True},
        "events": [],
    }


def offline_list(job: Job) -> dict[str, Any]:
    """List the offline event sets of an ad account (TikTok doc 1765596808589313); no pages."""
    values = job.parameters("advertiser_id")
    advertiser_id = job.advertiser(values["advertiser_id"])
    ids = _ids(job, "event_set_ids")
    return {
        "event_set_list": [
            _offline(row)
            for row in job.state.registry.offline_event_sets.values()
            if _wanted(row, advertiser_id, ids, values.get("name"))
        ]
    }


def _offline(row: EventSet) -> dict[str, Any]:
    return {
        "advertiser_id": row.advertiser_id,
        "auto_tracking": row.auto_tracking,
        "create_time": row.create_time,
        "description": row.description,
        "event_set_id": row.event_set_id,
        "name": row.name,
        "update_time": row.update_time,
    }


def _ids(job: Job, name: str) -> list[str] | None:
    ids = job.call.json_parameter(name)
    if ids is not None and (not isinstance(ids, list) or len(ids) > MOST_SETS):
        raise ApiError(PARAMETER, f"Invalid value for {name}: not a valid list.")
    return ids


def _wanted(row: EventSet, advertiser_id: str, ids: list[str] | None, name: str | None) -> bool:
    if row.deleted or row.advertiser_id != advertiser_id:
        return False
    return (ids is None or row.event_set_id in ids) and (name is None or row.name == name)


def offline_create(job: Job) -> dict[str, Any]:
    """Create an offline event set (TikTok doc 1758427576470529)."""
    values = job.fields("advertiser_id", "name", "description")
    advertiser_id = job.advertiser(values["advertiser_id"], *WRITERS)
    _types(values)
    now = _stamp(job)
    event_set_id = str(7_600_000_000_000_000_000 + secrets.randbelow(10**17))
    job.state.registry.offline_event_sets[event_set_id] = EventSet(
        event_set_id,
        values["name"],
        advertiser_id,
        values["description"],
        values.get("auto_tracking", False),
        now,
        now,
    )
    return {"event_set_id": event_set_id}


def offline_update(job: Job) -> dict[str, Any]:
    """Rename an offline event set or change its tracking (TikTok doc 1765596741157889)."""
    values = job.fields("advertiser_id", "event_set_id")
    row = _own_set(job, values)
    _types(values)
    row.name = values.get("name", row.name)
    row.auto_tracking = values.get("auto_tracking", row.auto_tracking)
    row.update_time = _stamp(job)
    return _offline(row)


def offline_delete(job: Job) -> dict[str, Any]:
    """Delete an offline event set (TikTok doc 1765596790860802); events for it answer 40007 from then on."""
    _own_set(job, job.fields("advertiser_id", "event_set_id")).deleted = True
    return {}


def _own_set(job: Job, values: dict[str, Any]) -> EventSet:
    advertiser_id = job.advertiser(values["advertiser_id"], *WRITERS)
    row = job.state.registry.offline_event_sets.get(str(values["event_set_id"]))
    if row is None or row.deleted or row.advertiser_id != advertiser_id:
        raise ApiError(NOT_EXIST, f"The offline event set {values['event_set_id']} does not exist.")
    return row


def _types(values: dict[str, Any]) -> None:
    for name, kind, word in (
        ("name", str, "string"),
        ("description", str, "string"),
        ("auto_tracking", bool, "boolean"),
    ):
        if name in values and type(values[name]) is not kind:
            raise ApiError(PARAMETER, f"Invalid value for {name}: not a valid {word}.")


def _stamp(job: Job) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(job.state.now()))


def crm_list(job: Job) -> dict[str, Any]:
    """List the CRM event sets of an ad account."""
    values = job.parameters("advertiser_id")
    advertiser_id = job.advertiser(values["advertiser_id"])
    ids = _ids(job, "event_set_ids")
    return {
        "crm_event_sets": [
            {"event_set_id": row.event_set_id, "name": row.name, "create_time": row.create_time}
            for row in job.state.registry.crm_event_sets.values()
            if _wanted(row, advertiser_id, ids, values.get("name"))
        ]
    }


ENDPOINTS = [
    Endpoint("GET", "/pixel/list/", pixel_list, frozenset({800})),
    Endpoint("GET", "/offline/get/", offline_list, frozenset({OFFLINE_READ})),
    Endpoint("POST", "/offline/create/", offline_create, frozenset({OFFLINE_WRITE})),
    Endpoint("POST", "/offline/update/", offline_update, frozenset({OFFLINE_WRITE})),
    Endpoint("POST", "/offline/delete/", offline_delete, frozenset({OFFLINE_WRITE})),
    Endpoint("GET", "/crm/list/", crm_list, frozenset({CRM_READ})),
]
