"""Tell who the user is, which ad accounts there are, and which role the user has on them in a Business Center."""

from typing import Any

from destinations.emulator.api import Endpoint, Job
from destinations.emulator.errors import PARAMETER, PERMISSION, ApiError
from destinations.emulator.model import Advertiser

_INFO = (
    "advertiser_id name company currency timezone display_timezone country language industry role status balance"
    " create_time owner_bc_id contacter email telephone_number cellphone_number address license_no license_url"
    " description rejection_reason company_name_editable advertiser_account_type"
)
INFO_FIELDS = frozenset(_INFO.split())
MOST_IDS = 100


def page_of(
    job: Job, rows: list[dict[str, Any]], *, default: int, most: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Cut one page (`page` from 1, `page_size` up to `most`) and describe it as `page_info`."""
    page, size = job.call.number("page", 1), job.call.number("page_size", default)
    if page < 1:
        raise ApiError(PARAMETER, "Invalid value for page: must be at least 1.")
    if not 1 <= size <= most:
        raise ApiError(PARAMETER, f"Invalid value for page_size: must be between 1 and {most}.")
    info = {
        "page": page,
        "page_size": size,
        "total_number": len(rows),
        "total_page": -(-len(rows) // size),
    }
    return rows[(page - 1) * size : page * size], info


def user_info(job: Job) -> dict[str, Any]:
    """Describe the user behind the token, the e-mail masked."""
    user = job.state.registry.users.get(job.token.user_id)
    if user is None:
        raise ApiError(PERMISSION, "No permission to read the user of this token.")
    return {
        "core_user_id": user.user_id,
        "display_name": user.name,
        "email": user.email,
        "create_time": 1735689600,
        "avatar_url": "",
    }


def advertiser_info(job: Job) -> dict[str, Any]:
    """Describe ad accounts. `role` is the kind of account, not the role of the user."""
    job.parameters("advertiser_ids")
    ids, wanted = job.call.json_parameter("advertiser_ids"), job.call.json_parameter("fields")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_IDS:
        raise ApiError(PARAMETER, "Invalid value for advertiser_ids: not a valid list.")
    if wanted is not None and (not isinstance(wanted, list) or set(wanted) - INFO_FIELDS):
        raise ApiError(PARAMETER, "Invalid value for fields: not a valid choice.")
    described = [_describe(job, job.advertiser(advertiser_id)) for advertiser_id in ids]
    return {
        "list": [
            {name: value for name, value in row.items() if wanted is None or name in wanted or name == "advertiser_id"}
            for row in described
        ]
    }


def _describe(job: Job, advertiser_id: str) -> dict[str, Any]:
    advertiser = job.state.registry.advertisers[advertiser_id]
    return {
        "advertiser_id": advertiser_id,
        "name": advertiser.name,
        "company": advertiser.name,
        "currency": advertiser.currency,
        "timezone": advertiser.timezone,
        "display_timezone": advertiser.timezone,
        "country": advertiser.country,
        "language": "en",
        "role": "ROLE_ADVERTISER",
        "status": advertiser.status,
        "create_time": 1735689600,
        "owner_bc_id": _owner(job, advertiser),
        "advertiser_account_type": "AUCTION",
    }


def _owner(job: Job, advertiser: Advertiser) -> str:
    """Give the owning Business Center, which TikTok shows to its admins only."""
    center = job.state.registry.business_centers.get(advertiser.bc_id)
    return advertiser.bc_id if center and center.members.get(job.token.user_id) == "ADMIN" else ""


def bc_list(job: Job) -> dict[str, Any]:
    """List the user's Business Centers with the user's role in each."""
    rows = [
        {
            "bc_info": {"bc_id": center.bc_id, "name": center.name, "status": "ENABLE", "type": "NORMAL"},
            "user_role": center.members[job.token.user_id],
        }
        for center in job.state.registry.business_centers.values()
        if job.token.user_id in center.members
    ]
    listed, info = page_of(job, rows, default=10, most=50)
    return {"list": listed, "page_info": info}


def bc_asset_list(job: Job) -> dict[str, Any]:
    """List the ad accounts of a Business Center with the user's role: the only way to learn it."""
    values = job.parameters("bc_id", "asset_type")
    center = job.state.registry.business_centers.get(values["bc_id"])
    if center is None or job.token.user_id not in center.members:
        raise ApiError(PERMISSION, f"No permission to operate Business Center {values['bc_id']}.")
    if values["asset_type"] not in {"ADVERTISER", "PIXEL", "CATALOG"}:
        raise ApiError(PARAMETER, "Invalid value for asset_type: not a valid choice.")
    rows = [
        {
            "asset_id": advertiser.advertiser_id,
            "asset_name": advertiser.name,
            "asset_type": "ADVERTISER",
            "advertiser_account_type": "AUCTION",
            "advertiser_role": advertiser.roles[job.token.user_id],
            "advertiser_status": advertiser.status,
        }
        for advertiser in job.state.registry.advertisers.values()
        if advertiser.bc_id == center.bc_id and job.token.user_id in advertiser.roles
    ]
    listed, info = page_of(job, rows if values["asset_type"] == "ADVERTISER" else [], default=10, most=50)
    return {"list": listed, "page_info": info}


ENDPOINTS = [
    Endpoint("GET", "/user/info/", user_info, frozenset({100})),
    Endpoint("GET", "/advertiser/info/", advertiser_info, frozenset({100})),
    Endpoint("GET", "/bc/get/", bc_list, frozenset({150})),
    Endpoint("GET", "/bc/asset/get/", bc_asset_list, frozenset({153})),
]
