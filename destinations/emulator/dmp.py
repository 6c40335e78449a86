"""Make, change, read and delete custom audiences from files: /dmp/custom_audience/….

TikTok docs 1739940567842818 (upload), 1739940570793985 (create), 1739940572667906 (update), 1739940506015746 (list),
1739940507792385 (get), 1739940539757569 (delete). *Assumed*: ids that are unknown, foreign or deleted are left out of
lists, while a change of them is refused; the texts of `msg`; an audience is not editable while a file is worked on.
"""

from collections.abc import Callable
from hashlib import md5
from typing import Any

from destinations.emulator.accounts import page_of
from destinations.emulator.api import Endpoint, Job
from destinations.emulator.audiences import (
    CUSTOMER_FILE,
    DAY,
    EXPIRING_DAYS,
    HISTORY,
    INVALID_ID,
    Audience,
    Change,
    delete,
    editable,
    stamp,
)
from destinations.emulator.checks import MissingError, check_boolean, check_text, one_of
from destinations.emulator.errors import (
    FILE_CALCULATE_TYPE,
    FILE_EMPTY,
    FILE_SIGNATURE,
    FILE_TOO_LARGE,
    FILE_TYPE,
    PARAMETER,
    ApiError,
)
from destinations.emulator.fields import (
    body_fields,
    check_id,
    checked,
    number_within,
    query_known,
    query_list,
    refusal,
    some_of,
    text_within,
)
from destinations.emulator.members import Members
from destinations.emulator.multipart import Part, multipart_parts
from destinations.emulator.uploads import CREATE_TYPES, PATH_LENGTH, UPLOAD_TYPES, Upload, file_check

READ, WRITE = 30, 31
WRITERS = ("ADMIN", "OPERATOR")
MOST_BYTES = 50 * 1024 * 1024
MOST_FILES = 500
MOST_IDS = 100
MOST_PAGE = 100
SUFFIXES = (".csv", ".txt")
ROOT = "/dmp/custom_audience"

_file_path = text_within(PATH_LENGTH)
_UPLOAD = {
    "advertiser_id": check_id,
    "file_signature": check_text,
    "calculate_type": one_of(*UPLOAD_TYPES),
    "name": check_text,
}
_CREATE = {
    "advertiser_id": check_id,
    "custom_audience_name": text_within(128),
    "file_paths": some_of(_file_path, MOST_FILES),
    "calculate_type": one_of(*CREATE_TYPES),
    "audience_sub_type": one_of("NORMAL", "REACH_FREQUENCY"),
    "retention_in_days": number_within(1, 365),
    "audience_enhancement": check_boolean,
}
_UPDATE = {
    "advertiser_id": check_id,
    "custom_audience_id": check_text,
    "custom_audience_name": text_within(128),
    "file_paths": some_of(_file_path, MOST_FILES),
    "action": one_of("APPEND", "REMOVE", "REPLACE"),
    "audience_sub_type": one_of("NORMAL", "REACH_FREQUENCY"),
    "audience_enhancement": check_boolean,
}


def file_upload(job: Job) -> dict[str, Any]:
    """Take a file of ids: its suffix, size, signature and every line of it are checked."""
    parts = multipart_parts(job.call)
    file = parts.pop("file", None)
    values = {name: part.content.decode("utf-8", "replace") for name, part in parts.items()}
    if file is None:
        raise refusal(MissingError("missing.", path=("file",)))
    checked(values, _UPLOAD, ("advertiser_id", "file_signature", "calculate_type"))
    with job.state.lock:
        advertiser_id = job.advertiser(values["advertiser_id"], *WRITERS)
    _check_file(file, values["file_signature"])
    lines = job.call.items = file_check(file.content, values["calculate_type"])
    with job.state.lock:
        now = job.state.now()
        job.state.uploads.drop_expired(now)
        kept = job.state.uploads.keep(
            advertiser_id, values["calculate_type"], file.content, lines, now + job.state.options.file_path_seconds
        )
    return {"file_path": kept.file_path}


def _check_file(file: Part, signature: str) -> None:
    if not (file.filename or "").endswith(SUFFIXES):
        raise ApiError(FILE_TYPE, "The file must be a .csv or .txt file.")
    if not file.content.strip():
        raise ApiError(FILE_EMPTY, "The file is empty.")
    if len(file.content) > MOST_BYTES:
        raise ApiError(FILE_TOO_LARGE, "The file is larger than 50 MB.")
    if md5(file.content, usedforsecurity=False).hexdigest() != signature:
        raise ApiError(FILE_SIGNATURE, "The file_signature does not match the file.")


def create(job: Job) -> dict[str, Any]:
    """Create a Customer File audience, whose files are then worked on for a while."""
    values = body_fields(job, _CREATE, ("advertiser_id", "custom_audience_name", "file_paths", "calculate_type"))
    advertiser_id = job.advertiser(values["advertiser_id"], *WRITERS)
    now, rules = job.state.now(), job.state.audience_rules
    files = _files(job, values["file_paths"], advertiser_id, values["calculate_type"])
    made = job.state.audiences.create(values["custom_audience_name"], advertiser_id, CUSTOMER_FILE, now, rules)
    made.calculate_type = values["calculate_type"]
    made.audience_sub_type = values.get("audience_sub_type", "NORMAL")
    made.retention_days = values.get("retention_in_days", 0)
    made.enhancement = values.get("audience_enhancement", False)
    made.change = Change(now + rules.processing_seconds, "CREATE", _maker("REPLACE", files, made.calculate_type))
    return {"custom_audience_id": made.audience_id}


def _files(job: Job, paths: list[str], advertiser_id: str, calculate_type: str) -> list[Upload]:
    files = [job.state.uploads.find(path, advertiser_id, job.state.now()) for path in paths]
    for file in files:
        if not file.fits(calculate_type):
            raise ApiError(
                FILE_CALCULATE_TYPE,
                f"The calculate_type {calculate_type} is not that of the file {file.file_path}: {file.calculate_type}.",
            )
    job.call.items = sum(file.lines for file in files)
    return files


def _maker(action: str, files: list[Upload], calculate_type: str) -> Callable[[Members], Members]:
    """Make what turns the old members into the new ones, leaving the old ones as they are.

    The content is taken along: a file that expires while it is worked on is still read to its end.
    """
    sources = [Upload(**vars(file)) for file in files]

    def make(old: Members) -> Members:
        made = Members() if action == "REPLACE" else old.copy()
        for source in sources:
            (made.remove if action == "REMOVE" else made.add)(source.rows(calculate_type))
        return made

    return make


def update(job: Job) -> dict[str, Any]:
    """Rename an audience, change its kind of use, or change its members by files: without an action all of them."""
    values = body_fields(job, _UPDATE, ("advertiser_id", "custom_audience_id"))
    if not values.keys() & {"custom_audience_name", "file_paths", "audience_sub_type", "audience_enhancement"}:
        raise refusal(MissingError("missing.", path=("custom_audience_name or file_paths",)))
    [row] = own_audiences(job, values["advertiser_id"], values["custom_audience_id"])
    now, rules = job.state.now(), job.state.audience_rules
    editable(row, now)
    if values.get("audience_sub_type", row.audience_sub_type) != row.audience_sub_type:
        _to_reach_frequency(row)
        return {}
    if "file_paths" in values:
        if row.audience_type != CUSTOMER_FILE:
            raise ApiError(PARAMETER, INVALID_ID)
        files = _files(job, values["file_paths"], row.advertiser_id, row.calculate_type)
        action = values.get("action", "REPLACE")
        row.change = Change(now + rules.processing_seconds, action, _maker(action, files, row.calculate_type))
    row.name = values.get("custom_audience_name", row.name)
    row.enhancement = values.get("audience_enhancement", row.enhancement)
    row.used_at = now
    row.note(now, "Update", ", ".join(sorted(values.keys() - {"advertiser_id", "custom_audience_id"})))
    return {}


def _to_reach_frequency(row: Audience) -> None:
    if row.audience_sub_type == "REACH_FREQUENCY":
        raise ApiError(PARAMETER, "Invalid value for audience_sub_type: cannot be changed back to NORMAL.")
    row.audience_sub_type = "REACH_FREQUENCY"


def own_audiences(job: Job, advertiser_id: str, *audience_ids: str, roles: tuple[str, ...] = WRITERS) -> list[Audience]:
    """Look up audiences that an ad account owns; raise 40001, 40002 or 40007 when one cannot be had."""
    owner, now, rules = [job.advertiser(advertiser_id, *roles)], job.state.now(), job.state.audience_rules
    return [job.state.audiences.owned(audience_id, owner, now, rules) for audience_id in audience_ids]


def remove(job: Job) -> dict[str, Any]:
    """Delete 1 to 100 audiences, all or none."""
    ids = some_of(check_text, MOST_IDS)
    required = ("advertiser_id", "custom_audience_ids")
    values = body_fields(job, {"advertiser_id": check_id, "custom_audience_ids": ids}, required)
    for row in own_audiences(job, values["advertiser_id"], *values["custom_audience_ids"]):
        delete(row)
    return {}


def audience_list(job: Job) -> dict[str, Any]:
    """List the audiences an ad account owns or was given, newest first."""
    advertiser_id = job.advertiser(job.parameters("advertiser_id")["advertiser_id"])
    query_known(job, "advertiser_id", "custom_audience_ids", "page", "page_size")
    ids = query_list(job, "custom_audience_ids", some_of(check_text, MOST_IDS))
    rows = [_listed(job, row, advertiser_id) for row in visible(job, advertiser_id, ids)]
    listed, info = page_of(job, rows, default=10, most=MOST_PAGE)
    return {"list": listed, "page_info": info}


def audience_get(job: Job) -> dict[str, Any]:
    """Describe 1 to 100 audiences with their history, newest line first."""
    values = job.parameters("advertiser_id", "custom_audience_ids")
    advertiser_id = job.advertiser(values["advertiser_id"])
    query_known(job, "advertiser_id", "custom_audience_ids", "history_size")
    ids = query_list(job, "custom_audience_ids", some_of(check_text, MOST_IDS))
    size = job.call.number("history_size", HISTORY)
    checked({"history_size": size}, {"history_size": number_within(1, HISTORY)}, ())
    return {
        "list": [
            {
                "audience_details": {
                    **_listed(job, row, advertiser_id),
                    "audience_enhancement": row.enhancement,
                    "enhancement_status": "ENABLED" if row.enhancement else "NOT_ENABLED",
                    "type": row.audience_type,
                },
                "audience_history": list(reversed(row.history))[:size],
            }
            for row in visible(job, advertiser_id, ids)
        ]
    }


def visible(job: Job, advertiser_id: str, ids: list[str] | None) -> list[Audience]:
    """List the living audiences an ad account owns or was given, all or those of some ids."""
    return [
        row
        for row in job.state.audiences.every(job.state.now(), job.state.audience_rules)
        if not row.deleted
        and (row.advertiser_id == advertiser_id or advertiser_id in row.shares)
        and (ids is None or row.audience_id in ids)
    ]


def _listed(job: Job, row: Audience, advertiser_id: str) -> dict[str, Any]:
    now, expires = job.state.now(), row.expires_at
    return {
        "audience_id": row.audience_id,
        "name": row.name,
        "audience_type": row.audience_type,
        "audience_sub_type": row.audience_sub_type,
        "calculate_type": row.calculate_type,
        "cover_num": row.cover_num,
        "is_valid": row.calculated and row.change is None and now < expires,
        "is_expiring": now < expires <= now + EXPIRING_DAYS * DAY,
        "expired_time": stamp(expires),
        "create_time": stamp(row.created_at),
        "msg": _msg(row, now),
        "error_msg": row.error_msg,
        "shared": row.advertiser_id != advertiser_id,
        "is_creator": row.advertiser_id == advertiser_id,
        "owner_id": row.advertiser_id,
        "is_auto_refresh": False,
    }


def _msg(row: Audience, now: float) -> str:
    if now >= row.expires_at:
        return "Expired"
    if row.change is not None or not (row.calculated or row.stuck):
        return "Calculating"
    return "Unavailable" if row.stuck else "Available"


ENDPOINTS = [
    Endpoint("POST", f"{ROOT}/file/upload/", file_upload, frozenset({WRITE}), locked=False),
    Endpoint("POST", f"{ROOT}/create/", create, frozenset({WRITE})),
    Endpoint("POST", f"{ROOT}/update/", update, frozenset({WRITE})),
    Endpoint("POST", f"{ROOT}/delete/", remove, frozenset({WRITE})),
    Endpoint("GET", f"{ROOT}/list/", audience_list, frozenset({READ})),
    Endpoint("GET", f"{ROOT}/get/", audience_get, frozenset({READ})),
]
