"""System checks: what is inconsistent in an installation's settings, each with an id and a hint on what to do."""

from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

TOKEN_SHORTEST = 16
LEVELS = ("basic", "advanced", "premium", "ultimate")


@register(Tags.security)
def tiktok_app_check(**kwargs: Any) -> list[CheckMessage]:
    """See that the developer app is given whole, and the addresses of TikTok are addresses."""
    found: list[CheckMessage] = []
    if bool(settings.TIKTOK_APP_ID) != bool(settings.TIKTOK_APP_SECRET):
        found.append(
            Error(
                "Only one of TIKTOK_APP_ID and TIKTOK_APP_SECRET is set.",
                hint="Set both, from My Apps on TikTok's developer portal, or neither, with pasted tokens alone.",
                id="hub.E001",
            )
        )
    for name in ("TIKTOK_API_URL", "TIKTOK_AUTH_URL"):
        address = urlsplit(getattr(settings, name))
        if address.scheme not in {"http", "https"} or not address.hostname:
            found.append(
                Error(f"{name} is no web address.", hint="It begins with https:// and names a host.", id="hub.E002")
            )
        elif address.scheme == "http" and address.hostname not in {"127.0.0.1", "localhost", "::1"}:
            found.append(
                Error(
                    f"{name} would send access tokens unencrypted.",
                    hint="Use https:// for every host but this machine.",
                    id="hub.E003",
                )
            )
    if settings.TIKTOK_API_LEVEL not in LEVELS:
        found.append(
            Error(
                f"TIKTOK_API_LEVEL “{settings.TIKTOK_API_LEVEL}” is unknown.",
                hint=f"One of {', '.join(LEVELS)}, as My Apps on TikTok's developer portal shows it.",
                id="hub.E004",
            )
        )
    return found


@register(Tags.security)
def retry_check(**kwargs: Any) -> list[CheckMessage]:
    """See that waits and leases make sense together."""
    found: list[CheckMessage] = []
    if any(seconds < 0 for seconds in settings.HUB_RETRY_SECONDS):
        found.append(
            Error("HUB_RETRY_SECONDS holds a negative wait.", hint="For example 5,30,120,300,900.", id="hub.E005")
        )
    if settings.HUB_LEASE_SECONDS < 1:
        found.append(
            Error(
                "HUB_LEASE_SECONDS is below one second: workers would take runs from each other.",
                hint="Leave it at 15.",
                id="hub.E006",
            )
        )
    return found


@register(Tags.security)
def several_machines_check(**kwargs: Any) -> list[CheckMessage]:
    """Warn where a server database or broker is set, but secrets still come from this machine's data folder."""
    elsewhere = (
        settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3" or not settings.HUB_EMBEDDED_BROKER
    )
    found: list[CheckMessage] = []
    if elsewhere and not settings.HUB_ENCRYPTION_KEYS_GIVEN:
        found.append(
            Warning(
                "DATABASE_URL or REDIS_URL is set, but HUB_ENCRYPTION_KEYS is not.",
                hint="Another machine could not read the stored tokens. Copy the key from the data folder's "
                "encryption_key file into HUB_ENCRYPTION_KEYS everywhere.",
                id="hub.W001",
            )
        )
    if elsewhere and not settings.SECRET_KEY_GIVEN:
        found.append(
            Warning(
                "DATABASE_URL or REDIS_URL is set, but SECRET_KEY is not.",
                hint="Set the same SECRET_KEY on every machine, or people are logged out when another one answers.",
                id="hub.W002",
            )
        )
    return found


@register(Tags.security)
def storage_check(**kwargs: Any) -> list[CheckMessage]:
    """See that HUB_STORAGE_URL names a folder."""
    address = urlsplit(settings.HUB_STORAGE_URL)
    if address.scheme == "file" and address.path.startswith("/") and not address.netloc:
        return []
    return [
        Error(
            "HUB_STORAGE_URL is no folder.",
            hint="For example file:///var/lib/tiktok_hub/storage; a folder that all workers share.",
            id="hub.E007",
        )
    ]


@register(Tags.security)
def metrics_check(**kwargs: Any) -> list[CheckMessage]:
    """See that the token of /metrics cannot be guessed."""
    if 0 < len(settings.HUB_METRICS_TOKEN) < TOKEN_SHORTEST:
        hint = f"Make it of {TOKEN_SHORTEST} random characters or more: `openssl rand -hex 24`."
        return [Warning("HUB_METRICS_TOKEN is short enough to be guessed.", hint=hint, id="hub.W020")]
    return []


@register(Tags.security)
def retention_check(**kwargs: Any) -> list[CheckMessage]:
    """See that what is kept longer does not need what is kept for a shorter time."""
    names = ("HUB_RETENTION_SPOOL_DAYS", "HUB_RETENTION_REJECTS_DAYS", "HUB_RETENTION_RUNS_DAYS")
    found: list[CheckMessage] = [
        Error(f"{name} is negative.", hint="It is a number of days; 0 deletes in the first night.", id="hub.E020")
        for name in (*names, "HUB_RETENTION_LINKS_DAYS", "HUB_RETENTION_ALERTS_DAYS")
        if getattr(settings, name) < 0
    ]
    for shorter, longer in pairwise(names):
        if getattr(settings, longer) < getattr(settings, shorter):
            found.append(
                Error(
                    f"{longer} is below {shorter}: a run would be offered for another try without what that needs.",
                    hint=f"Make {longer} at least as long, or {shorter} shorter.",
                    id="hub.E021",
                )
            )
    if settings.HUB_RETENTION_HOUR not in range(24):
        found.append(Error("HUB_RETENTION_HOUR is no hour.", hint="0 to 23, in UTC.", id="hub.E022"))
    return found
