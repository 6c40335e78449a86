"""TikTok Ads: custom audiences kept equal to a query, streamed (doc 1739940583739393) or by file (1739566528222210)."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from destinations.preparation.audiences import body_addressed, body_slice, prepare
from destinations.preparation.fields import Field, Kind, Required
from destinations.specs.base import Limits, Parcel, Setting, SettingKind, SettingRequired, Spec
from destinations.tiktok.audience_calls import (
    NAME_LENGTH,
    file_audience_create,
    file_audience_update,
    file_upload,
    mapping_send,
)
from destinations.tiktok.client import Answer, TikTokClient
from destinations.tiktok.errors import ConfigurationError
from destinations.tiktok.resolutions import ResolutionKey

STREAMING, FILE = "streaming", "file"
EMAIL, PHONE, IDFA, AAID = "EMAIL", "PHONE", "IDFA", "AAID"
CALCULATE_TYPES = {EMAIL: "EMAIL_SHA256", PHONE: "PHONE_SHA256", IDFA: "IDFA_SHA256", AAID: "GAID_SHA256"}
"""What files of one id type are called at TikTok."""
SEVERAL_TYPES = "MULTIPLE_TYPES"

_ACCOUNT = {"": (r"[0-9]{19}", "Must be the 19-digit id of an ad account.")}
_ACCOUNTS = {"": (r"[0-9]{19}", "Must be the 19-digit ids of ad accounts.")}

SETTINGS = (
    Setting(
        "advertiser_id",
        "Advertiser ID",
        required=SettingRequired.ALWAYS,
        help="The 19-digit id of the ad account.",
        patterns=_ACCOUNT,
    ),
    Setting(
        "advertiser_ids",
        "Advertiser IDs",
        SettingKind.LIST,
        help="Instead of one Advertiser ID: several ad accounts of the same Business Center, each with an audience of "
        "its own. Separate them with commas.",
        patterns=_ACCOUNTS,
        instead_of="advertiser_id",
    ),
    Setting(
        "audience_name",
        "Audience name",
        required=SettingRequired.AT_ORCHESTRATION,
        help="An audience of this name that the transport can feed is used; else one is created.",
        max_length=NAME_LENGTH,
    ),
    Setting(
        "user_id_types",
        "User ID type",
        SettingKind.LIST,
        SettingRequired.ALWAYS,
        help="What people are recognised by. A person may have several.",
        choices=((EMAIL, "E-mail"), (PHONE, "Phone"), (IDFA, "IDFA (Apple)"), (AAID, "AAID (Android)")),
    ),
    Setting(
        "transport",
        "Transport",
        SettingKind.CHOICE,
        help="Streaming sends who joins and who leaves. Files are taken only while 1,000 members are matched.",
        choices=((STREAMING, "Streaming"), (FILE, "File upload")),
        default=STREAMING,
    ),
    Setting(
        "email_rule",
        "E-mail rule",
        SettingKind.CHOICE,
        help="How e-mails are written before they are hashed; TikTok's rule for audiences drops dots and +tags before "
        "the @. E-mails that come as hashes are sent as they are.",
        choices=(
            ("audience", "For audiences: without dots and +tags"),
            ("events", "As for events: dots and +tags stay"),
        ),
        default="audience",
    ),
    Setting(
        "people_per_request",
        "People per request",
        SettingKind.INTEGER,
        help="For streaming. A request also ends at 1 MB.",
        default=5_000,
        minimum=1,
        maximum=10_000,
    ),
    Setting(
        "default_country",
        "Default country",
        SettingKind.COUNTRY,
        help="Two letters; for phones without country code. Blank: the tenant's country.",
    ),
)


def _identity(word: str, kind: Kind, label: str, sentence: str) -> Field:
    column = word.lower()
    return Field(column, None, kind, label, sentence, (word,), required=Required.ONE_OF, pii=True)


FIELDS = (
    _identity(EMAIL, Kind.EMAIL, "E-mail", "Hashed here, or already hashed."),
    _identity(PHONE, Kind.PHONE, "Phone", "With country code, or with a country. Hashed here, or already hashed."),
    _identity(IDFA, Kind.DEVICE_ID, "IDFA", "Advertising id of an Apple device. Hashed here, or already hashed."),
    _identity(AAID, Kind.DEVICE_ID, "AAID", "Advertising id of an Android device. Hashed here, or already hashed."),
    Field("country", None, Kind.COUNTRY, "Country", "Two letters; for phones without country code.", (PHONE,)),
)


def advertisers(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ad accounts of these settings: each has an audience of its own."""
    several = settings.get("advertiser_ids")
    return tuple(str(value) for value in several or [settings.get("advertiser_id")] if value)


def calculate_type(settings: Mapping[str, Any]) -> str:
    """Return what TikTok calls files of the chosen id types."""
    kinds = settings["user_id_types"]
    return CALCULATE_TYPES[kinds[0]] if len(kinds) == 1 else SEVERAL_TYPES


def send(client: TikTokClient, parcel: Parcel) -> Answer:
    """Send one request of an audience: people to add or delete, a file, or what is to be done with files."""
    return _SENDERS[parcel.kind](client, parcel)


def _mapping(client: TikTokClient, parcel: Parcel) -> Answer:
    if not parcel.audience_id:
        raise _missing(parcel)
    body = body_addressed(parcel.body, advertiser_id=parcel.advertiser_id, audience_id=parcel.audience_id)
    return mapping_send(client, body, advertiser_id=parcel.advertiser_id)


def _upload(client: TikTokClient, parcel: Parcel) -> Answer:
    return file_upload(client, parcel.advertiser_id, parcel.body, calculate_type(parcel.settings))


def _apply(client: TikTokClient, parcel: Parcel) -> Answer:
    """Change the audience by uploaded files; create it of them where there is none."""
    wanted = orjson.loads(parcel.body)
    if parcel.audience_id:
        return file_audience_update(
            client,
            advertiser_id=parcel.advertiser_id,
            audience_id=parcel.audience_id,
            files=parcel.files,
            action=wanted["action"],
        )
    if wanted["action"] == "REMOVE":
        raise _missing(parcel)
    return file_audience_create(
        client,
        advertiser_id=parcel.advertiser_id,
        name=parcel.audience_name,
        files=parcel.files,
        calculate_type=wanted["calculate_type"],
    )


def _missing(parcel: Parcel) -> ConfigurationError:
    return ConfigurationError(
        f"There is no audience “{parcel.audience_name}” at TikTok that could be changed.",
        resolution=ResolutionKey.AUDIENCE_NOT_FOUND,
    )


_SENDERS: dict[str, Callable[[TikTokClient, Parcel], Answer]] = {
    "mapping": _mapping,
    "upload": _upload,
    "apply": _apply,
}

SPEC = Spec(
    key="tiktok-ads",
    label="TikTok Ads",
    description="Keeps a custom audience equal to the result of a query, for targeting and lookalikes.",
    credential_type="tiktok",
    settings=SETTINGS,
    fields=FIELDS,
    # 10,000 people: Braze's documentation of the same endpoint. Bytes: assumed, TikTok states no limit.
    limits=Limits(rows_per_request=10_000, bytes_per_request=1_000_000),
    checks=("token", "advertiser", "status", "role", "audience_read", "audience_write"),
    prepare=prepare,
    send=send,
    body_slice=body_slice,
    kinds_setting="user_id_types",
    keeps_audience=True,
    one_of_sentence="Nobody can be recognised: at least one of the columns {columns} is needed.",
    ignored_sentence="Column {column} is ignored: the User ID type is {sources}.",
)
