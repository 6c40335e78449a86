"""Use and share custom audiences: /dmp/custom_audience/apply/, /share/ and what was done by them.

*Assumed*: an audience needs the size floor before an ad group can use it; any number passes for an ad group, as the
emulator has none; only ad accounts of the same Business Center can be given an audience.
"""

from typing import Any

from destinations.emulator.api import Endpoint, Job
from destinations.emulator.audiences import NOT_EDITABLE, Audience, stamp
from destinations.emulator.checks import MissingError, check_text, one_of
from destinations.emulator.dmp import ROOT, WRITE, WRITERS, own_audiences
from destinations.emulator.errors import PARAMETER, ApiError
from destinations.emulator.fields import body_fields, check_id, query_known, refusal, some_of

SHARE = 32
READERS = (*WRITERS, "ANALYST")
MOST_AD_GROUPS = 100
MOST_SHARED = 10

_APPLY = {
    "advertiser_id": check_id,
    "custom_audience_id": check_text,
    "adgroup_ids": some_of(check_id, MOST_AD_GROUPS),
    "action_mode": one_of("Apply", "Disconnect"),
    "usage_mode": one_of("Include", "Exclude"),
}
_SHARE = {
    "advertiser_id": check_id,
    "custom_audience_ids": some_of(check_text, MOST_SHARED),
    "shared_advertiser_ids": some_of(check_id, MOST_SHARED),
}
_CANCEL = {"advertiser_id": check_id, "custom_audience_id": check_text, "shared_advertiser_id": check_id}


def apply(job: Job) -> dict[str, Any]:
    """Use an audience in ad groups, or stop it; use keeps it from expiring."""
    values = body_fields(job, _APPLY, ("advertiser_id", "custom_audience_id", "adgroup_ids", "action_mode"))
    using = values["action_mode"] == "Apply"
    if using and "usage_mode" not in values:
        raise refusal(MissingError("missing.", path=("usage_mode",)))
    [row] = own_audiences(job, values["advertiser_id"], values["custom_audience_id"])
    now, groups = job.state.now(), set(values["adgroup_ids"])
    if not using:
        row.applied = [line for line in row.applied if line["adgroup_id"] not in groups]
        return {}
    if not row.calculated or row.cover_num < job.state.options.audience_floor or now >= row.expires_at:
        raise ApiError(PARAMETER, NOT_EDITABLE)
    row.used_at = now
    row.applied += [
        {"adgroup_id": group, "action_mode": "Apply", "usage_mode": values["usage_mode"], "opt_time": stamp(now)}
        for group in values["adgroup_ids"]
    ]
    return {}


def apply_log(job: Job) -> dict[str, Any]:
    """List the ad groups an audience is used in, to its owner."""
    return {"list": _queried(job).applied}


def share(job: Job) -> dict[str, Any]:
    """Give audiences to other ad accounts of the same Business Center."""
    values = body_fields(job, _SHARE, tuple(_SHARE))
    rows = own_audiences(job, values["advertiser_id"], *values["custom_audience_ids"])
    advertisers = job.state.registry.advertisers
    center = advertisers[values["advertiser_id"]].bc_id
    for other in values["shared_advertiser_ids"]:
        if other == values["advertiser_id"] or other not in advertisers or advertisers[other].bc_id != center:
            raise ApiError(
                PARAMETER, "Invalid value for shared_advertiser_ids: must be others of the same Business Center."
            )
    for row in rows:
        row.shares.update(dict.fromkeys(values["shared_advertiser_ids"], job.state.now()))
    return {}


def share_cancel(job: Job) -> dict[str, Any]:
    """Take an audience back from an ad account."""
    values = body_fields(job, _CANCEL, tuple(_CANCEL))
    [row] = own_audiences(job, values["advertiser_id"], values["custom_audience_id"])
    if row.shares.pop(values["shared_advertiser_id"], None) is None:
        raise ApiError(PARAMETER, "Invalid value for shared_advertiser_id: the audience is not shared with it.")
    return {}


def share_log(job: Job) -> dict[str, Any]:
    """List the ad accounts an audience was given to."""
    shares = _queried(job).shares.items()
    return {
        "list": [
            {"shared_advertiser_id": other, "status": "SUCCESS", "share_time": stamp(moment)}
            for other, moment in shares
        ]
    }


def _queried(job: Job) -> Audience:
    values = job.parameters("advertiser_id", "custom_audience_id")
    query_known(job, "advertiser_id", "custom_audience_id")
    [row] = own_audiences(job, values["advertiser_id"], values["custom_audience_id"], roles=READERS)
    return row


ENDPOINTS = [
    Endpoint("POST", f"{ROOT}/apply/", apply, frozenset({WRITE})),
    Endpoint("GET", f"{ROOT}/apply/log/", apply_log, frozenset({WRITE})),
    Endpoint("POST", f"{ROOT}/share/", share, frozenset({SHARE})),
    Endpoint("POST", f"{ROOT}/share/cancel/", share_cancel, frozenset({SHARE})),
    Endpoint("GET", f"{ROOT}/share/log/", share_log, frozenset({SHARE})),
]
