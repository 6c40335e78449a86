"""Offer TikTok's endpoints that connecting, checking and sending events need, as typed functions.

Answers are read leniently (a missing text is "", a number where a string belongs becomes one): ids are strings, many
exceed 2^53. Errors are those of `errors.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from destinations.tiktok.client import TikTokClient
from destinations.tiktok.envelope import Answer
from destinations.tiktok.errors import ConfigurationError, CredentialError, RejectedError
from destinations.tiktok.limits import track_buckets
from destinations.tiktok.reading import list_of, pages, rows_of, text_of
from destinations.tiktok.resolutions import ResolutionKey, resolution_get

#: Ids per request to /advertiser/info/ (assumed; TikTok publishes no maximum).
ADVERTISERS_PER_REQUEST = 100
#: The largest pages that TikTok gives: pixels 20, Business Center lists 50.
PIXELS_PER_PAGE, BUSINESS_CENTER_PAGE = 20, 50

#: Return code of a request about something that was deleted.
_NOT_EXIST = 40007

_ADVERTISER_FIELDS = ("advertiser_id", "name", "status", "company", "currency", "timezone", "owner_bc_id")


@dataclass(frozen=True, slots=True)
class Grant:
    """What an authorisation gave: the token (never shown), the ad accounts it reaches, the numeric scopes."""

    access_token: str = field(repr=False)
    advertiser_ids: tuple[str, ...]
    scopes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Advertiser:
    """An ad account that a token reaches."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class AdvertiserInfo:
    """An ad account's state; `status` is STATUS_ENABLE for one that may be used, `timezone` an IANA name."""

    id: str
    name: str
    status: str
    company: str
    currency: str
    timezone: str
    owner_bc_id: str


@dataclass(frozen=True, slots=True)
class Pixel:
    """A pixel; its `code`, not its id, is the event source id of web events."""

    id: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class OfflineSet:
    """An offline event set; its id is the event source id of offline events."""

    id: str
    name: str
    auto_tracking: bool


def authorization_url(auth_url: str, app_id: str, state: str, redirect_uri: str) -> str:
    """Return the address of TikTok's consent page; `state` comes back unchanged with the `auth_code`."""
    separator = "&" if "?" in auth_url else "?"
    return auth_url + separator + urlencode({"app_id": app_id, "state": state, "redirect_uri": redirect_uri})


def token_exchange(
    base_url: str, app_id: str, secret: str, auth_code: str, *, timeout: tuple[float, float] = (5, 30)
) -> Grant:
    """Turn an authorization code (single use) into a long-lived token."""
    payload = {"app_id": app_id, "secret": secret, "auth_code": auth_code}
    with TikTokClient("", base_url=base_url, timeout=timeout) as client:
        answer = client.post("oauth2/access_token/", payload, secrets=(secret, auth_code))
    token = text_of(answer.data.get("access_token"))
    if not token:
        raise CredentialError(
            "TikTok answered without an access token; the account has to be connected again.",
            code=answer.code,
            request_id=answer.request_id,
            resolution=ResolutionKey.AUTHORIZATION_EXPIRED,
        )
    ids = tuple(text_of(value) for value in list_of(answer.data.get("advertiser_ids")))
    scopes = (text_of(value) for value in list_of(answer.data.get("scope")))
    return Grant(token, ids, tuple(int(scope) for scope in scopes if scope.isdecimal()))


def token_revoke(
    base_url: str, app_id: str, secret: str, access_token: str, *, timeout: tuple[float, float] = (5, 30)
) -> None:
    """Withdraw a token at TikTok; it cannot be undone."""
    payload = {"app_id": app_id, "secret": secret, "access_token": access_token}
    with TikTokClient(access_token, base_url=base_url, timeout=timeout) as client:
        client.post("oauth2/revoke_token/", payload, secrets=(secret, access_token))


def advertisers_list(client: TikTokClient, app_id: str, secret: str) -> list[Advertiser]:
    """Return the ad accounts that the token reaches; also the cheapest proof that it is alive."""
    answer = client.get("oauth2/advertiser/get/", {"app_id": app_id, "secret": secret}, secrets=(secret,))
    rows = rows_of(answer.data.get("list"))
    return [Advertiser(text_of(row.get("advertiser_id")), text_of(row.get("advertiser_name"))) for row in rows]


def advertisers_info(client: TikTokClient, ids: Sequence[str]) -> list[AdvertiserInfo]:
    """Return the state of ad accounts, asked for in chunks; accounts that TikTok leaves out are left out."""
    infos = []
    for start in range(0, len(ids), ADVERTISERS_PER_REQUEST):
        chunk = list(ids[start : start + ADVERTISERS_PER_REQUEST])
        answer = client.get("advertiser/info/", {"advertiser_ids": chunk, "fields": list(_ADVERTISER_FIELDS)})
        for row in rows_of(answer.data.get("list")):
            infos.append(AdvertiserInfo(*(text_of(row.get(name)) for name in _ADVERTISER_FIELDS)))
    return infos


def advertiser_role(client: TikTokClient, advertiser_id: str) -> str | None:
    """Return the user's role on an ad account: ADMIN, OPERATOR or ANALYST; None where it cannot be read.

    TikTok tells it only through a Business Center that holds the account, and only with the scopes 150 and 153. A
    Business Center that refuses to answer is passed over; a `RetryableError` is raised.
    """
    centers = _readable(pages(client, "bc/get/", {}, "list", BUSINESS_CENTER_PAGE))
    return next(filter(None, (_role_in(client, _center_id(center), advertiser_id) for center in centers)), None)


def pixels_list(client: TikTokClient, advertiser_id: str) -> list[Pixel]:
    """Return all pixels of an ad account."""
    rows = pages(client, "pixel/list/", {"advertiser_id": advertiser_id}, "pixels", PIXELS_PER_PAGE)
    names = ("pixel_id", "pixel_code", "pixel_name")
    return [Pixel(*(text_of(row.get(name)) for name in names)) for row in rows]


def offline_sets_list(client: TikTokClient, advertiser_id: str) -> list[OfflineSet]:
    """Return all offline event sets of an ad account; TikTok gives them without pages."""
    answer = client.get("offline/get/", {"advertiser_id": advertiser_id})
    return [
        OfflineSet(text_of(row.get("event_set_id")), text_of(row.get("name")), bool(row.get("auto_tracking")))
        for row in rows_of(answer.data.get("event_set_list"))
    ]


def offline_set_track(client: TikTokClient, advertiser_id: str, event_set_id: str, *, auto_tracking: bool) -> Answer:
    """Link an offline event set to all future campaigns of its ad account, or no longer (doc 1765596741157889)."""
    wanted = {"advertiser_id": advertiser_id, "event_set_id": event_set_id, "auto_tracking": auto_tracking}
    return client.post("offline/update/", wanted)


def events_track(client: TikTokClient, body: bytes, *, event_source_id: str, advertiser_id: str) -> Answer:
    """Send one prepared request of up to 1,000 events, when the rate limits allow it.

    TikTok takes all or nothing; with the same event ids the request may be repeated for 48 hours.
    """
    buckets = track_buckets(client.app_id, event_source_id, advertiser_id, rate=client.event_rate)
    try:
        return client.post("event/track/", body, buckets=buckets)
    except ConfigurationError as error:
        if error.code == _NOT_EXIST:
            error.sentence = "The event set or pixel no longer exists at TikTok."
            error.resolution = resolution_get(ResolutionKey.EVENT_SOURCE_NOT_FOUND)
        raise


def _role_in(client: TikTokClient, center_id: str, advertiser_id: str) -> str | None:
    params = {"bc_id": center_id, "asset_type": "ADVERTISER"}
    for asset in _readable(pages(client, "bc/asset/get/", params, "list", BUSINESS_CENTER_PAGE)):
        if text_of(asset.get("asset_id")) == advertiser_id:
            return text_of(asset.get("advertiser_role")) or None
    return None


def _readable(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows as far as TikTok lets them be read: no access means no rows, which is an answer here."""
    try:
        yield from rows
    except (ConfigurationError, CredentialError, RejectedError):
        return


def _center_id(center: dict[str, Any]) -> str:
    info = center.get("bc_info")
    return text_of((info if isinstance(info, dict) else center).get("bc_id"))
