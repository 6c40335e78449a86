"""Describe what exists at TikTok: apps, users, Business Centers, ad accounts, pixels, event sets and tokens."""

from dataclasses import dataclass, field

CONVERSION_SCOPE = 7224195155857866754
"""Report Conversion Event: what /event/track/ needs."""

SCOPES: dict[int, str] = {
    100: "Read ad accounts",
    150: "Read Business Centers",
    153: "Read Business Center assets",
    30: "Read custom audiences",
    31: "Create and update custom audiences",
    32: "Share custom audiences",
    CONVERSION_SCOPE: "Report conversion events",
    800: "Read pixels",
    7224195155857833986: "Read offline event sets",
    7050363942434095105: "Create and manage offline event sets",
    7294180478502846465: "Read CRM event sets",
}
"""Permission scopes a user can grant, by TikTok's number."""


@dataclass
class App:
    """A developer app. An empty list of redirect URIs allows any http(s) one."""

    app_id: str
    secret: str
    name: str
    redirect_uris: list[str] = field(default_factory=list)


@dataclass
class User:
    """A TikTok for Business user, who authorises apps and has a role on each ad account."""

    user_id: str
    name: str
    email: str


@dataclass
class BusinessCenter:
    """A Business Center; `members` maps user id to ADMIN or STANDARD."""

    bc_id: str
    name: str
    members: dict[str, str] = field(default_factory=dict)


@dataclass
class Advertiser:
    """An ad account; `roles` maps user id to ADMIN, OPERATOR or ANALYST."""

    advertiser_id: str
    name: str
    bc_id: str = ""
    status: str = "STATUS_ENABLE"
    currency: str = "USD"
    timezone: str = "America/New_York"
    country: str = "US"
    roles: dict[str, str] = field(default_factory=dict)


@dataclass
class Pixel:
    """A pixel: `pixel_code` is the event source id of web events, `pixel_id` is not."""

    pixel_id: str
    pixel_code: str
    pixel_name: str
    advertiser_id: str
    shared_with: list[str] = field(default_factory=list)
    create_time: str = "2025-01-01 00:00:00"

    @property
    def advertiser_ids(self) -> list[str]:
        """List the ad accounts that can use this pixel, its owner first."""
        return [self.advertiser_id, *self.shared_with]


@dataclass
class EventSet:
    """An offline or CRM event set; a deleted one is remembered, to answer 40007 instead of 40001."""

    event_set_id: str
    name: str
    advertiser_id: str
    description: str = ""
    auto_tracking: bool = False
    create_time: str = "2025-01-01 00:00:00"
    update_time: str = "2025-01-01 00:00:00"
    deleted: bool = False

    @property
    def advertiser_ids(self) -> list[str]:
        """List the ad accounts that can use this set."""
        return [self.advertiser_id]


@dataclass
class Token:
    """A long-lived access token: one app, one user, the ad accounts and scopes that user ticked."""

    access_token: str
    app_id: str
    user_id: str
    advertiser_ids: list[str]
    scopes: list[int]
    revoked: bool = False


@dataclass
class AuthCode:
    """What the consent page hands to the redirect URI; single use, one hour."""

    auth_code: str
    app_id: str
    user_id: str
    advertiser_ids: list[str]
    scopes: list[int]
    expires: float
    used: bool = False
