"""Name what the emulator holds when it starts, and read further seeds.

A seed is a JSON object with any of the keys of `DEFAULT_SEED`, plus `audiences` (`audience_id`, `name`,
`advertiser_id` …, see `audiences`), `options` (see `state.Options`), `limits` (see `limits`) and `faults` (see
`faults`). It adds to the default seed; `"default": false` starts from nothing.
"""

from pathlib import Path
from typing import Any

import orjson

from destinations.emulator.errors import SeedError
from destinations.emulator.model import CONVERSION_SCOPE, SCOPES

Seed = dict[str, Any]

APP_ID = "7000000000000000001"
APP_SECRET = "emulator-secret"  # noqa: S105 - a public constant of a test tool
ACME = "7654321098765432109"
GLOBEX = "7654321098765432209"
DISABLED = "7654321098765432309"
ADMIN, OPERATOR, ANALYST, GLOBEX_ADMIN, AGENCY = (f"720000000000000000{n}" for n in range(1, 6))


def _token(name: str, user: str, advertiser: str, scopes: list[int], *, revoked: bool = False) -> dict[str, Any]:
    return {
        "access_token": f"emulator-token-{name}",
        "app_id": APP_ID,
        "user_id": user,
        "advertiser_ids": [advertiser],
        "scopes": scopes,
        "revoked": revoked,
    }


DEFAULT_SEED: Seed = {
    "apps": [{"app_id": APP_ID, "secret": APP_SECRET, "name": "TikTok Hub"}],
    "users": [
        {"user_id": ADMIN, "name": "Ada Admin", "email": "a***a@acme.example"},
        {"user_id": OPERATOR, "name": "Otto Operator", "email": "o***o@acme.example"},
        {"user_id": ANALYST, "name": "Ana Analyst", "email": "a***t@acme.example"},
        {"user_id": GLOBEX_ADMIN, "name": "Gina Globex", "email": "g***a@globex.example"},
        {"user_id": AGENCY, "name": "Max Agency", "email": "m***x@agency.example"},
    ],
    "business_centers": [
        {
            "bc_id": "7100000000000000001",
            "name": "Acme Business Center",
            "members": {ADMIN: "ADMIN", OPERATOR: "STANDARD", ANALYST: "STANDARD", AGENCY: "STANDARD"},
        },
        {
            "bc_id": "7100000000000000002",
            "name": "Globex Business Center",
            "members": {GLOBEX_ADMIN: "ADMIN", AGENCY: "STANDARD"},
        },
    ],
    "advertisers": [
        {
            "advertiser_id": ACME,
            "name": "Acme Retail",
            "bc_id": "7100000000000000001",
            "roles": {ADMIN: "ADMIN", OPERATOR: "OPERATOR", ANALYST: "ANALYST", AGENCY: "OPERATOR"},
        },
        {
            "advertiser_id": GLOBEX,
            "name": "Globex",
            "bc_id": "7100000000000000002",
            "currency": "EUR",
            "timezone": "Europe/Berlin",
            "country": "DE",
            "roles": {GLOBEX_ADMIN: "ADMIN", AGENCY: "OPERATOR"},
        },
        {
            "advertiser_id": DISABLED,
            "name": "Acme Outlet (disabled)",
            "bc_id": "7100000000000000001",
            "status": "STATUS_DISABLE",
            "roles": {ADMIN: "ADMIN", OPERATOR: "OPERATOR", ANALYST: "ANALYST"},
        },
    ],
    "pixels": [
        {
            "pixel_id": "7300000000000000001",
            "pixel_code": "C3QEXAMPLEPIXELCODE0",
            "pixel_name": "Acme web shop",
            "advertiser_id": ACME,
        },
        {
            "pixel_id": "7300000000000000002",
            "pixel_code": "C4QEXAMPLEPIXELCODE0",
            "pixel_name": "Globex web shop",
            "advertiser_id": GLOBEX,
        },
    ],
    "offline_event_sets": [
        {"event_set_id": "7654321098765432100", "name": "Store purchases", "advertiser_id": ACME},
        {"event_set_id": "7654321098765432200", "name": "Store purchases", "advertiser_id": GLOBEX},
    ],
    "crm_event_sets": [
        {"event_set_id": "7654321098765432101", "name": "Acme leads", "advertiser_id": ACME},
    ],
    "tokens": [
        _token("acme", ADMIN, ACME, list(SCOPES)),
        _token("globex", GLOBEX_ADMIN, GLOBEX, list(SCOPES)),
        _token("analyst", ANALYST, ACME, list(SCOPES)),
        _token("revoked", ADMIN, ACME, list(SCOPES), revoked=True),
        _token("events-only", ADMIN, ACME, [CONVERSION_SCOPE]),
        _token("audiences", ADMIN, ACME, [100, 30, 31]),
    ],
}
"""Two brands, Acme and Globex, that cannot see each other, and the tokens that tests paste."""


def seed_read(path: Path) -> Seed:
    """Read a seed file; raise SeedError with one sentence when it is missing or no JSON object."""
    try:
        seed = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SeedError(f"The seed file {path} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise SeedError(f"The seed file {path} is not valid JSON: {error}.") from error
    if not isinstance(seed, dict):
        raise SeedError(f"The seed file {path} must hold one JSON object.")
    return seed
