"""TikTok Ads Events: conversions from shops and web sites, through Events API 2.0 (doc 1771101303285761)."""

from destinations.preparation.bodies import body_times
from destinations.preparation.event_sql import age_limit
from destinations.preparation.events import body_slice, prepare
from destinations.preparation.fields import Field, Kind, Required
from destinations.preparation.iso4217 import TIKTOK_CURRENCIES
from destinations.preparation.repacking import repack
from destinations.preparation.windows import ATTRIBUTION_DAYS, DEDUPLICATION_HOURS
from destinations.specs.base import Limits, Parcel, Resending, Setting, SettingKind, SettingRequired, Spec
from destinations.tiktok.calls import events_track
from destinations.tiktok.client import Answer, TikTokClient

OFFLINE, WEB = "offline", "web"

STANDARD_EVENTS = tuple(
    """AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct
    Download FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication
    Subscribe ViewContent""".split()
)
LEGACY_EVENTS = ("CompletePayment", "SubmitForm", "PlaceAnOrder", "ClickButton", "Pageview")
"""Former names that TikTok still takes."""

CHANNELS = ("email", "website", "phone_call", "in_store", "crm", "other")

SETTINGS = (
    Setting(
        "advertiser_id",
        "Advertiser ID",
        required=SettingRequired.ALWAYS,
        help="The 19-digit id of the ad account.",
        patterns={"": (r"[0-9]{19}", "Must be the 19-digit id of an ad account.")},
    ),
    Setting(
        "event_source",
        "Event source",
        SettingKind.CHOICE,
        SettingRequired.ALWAYS,
        help="Where the conversions happened.",
        choices=((OFFLINE, "Offline (shop, phone)"), (WEB, "Web site")),
    ),
    Setting(
        "event_source_id",
        "Event set ID / Event source ID",
        required=SettingRequired.AT_ORCHESTRATION,
        help="Offline: the id of the event set. Web: the pixel code. It must already exist at TikTok.",
        patterns={
            OFFLINE: (r"[0-9]{15,20}", "Must be the id of an offline event set: 15 to 20 digits."),
            WEB: (
                r"(?=.*[A-Z])[A-Z0-9]{15,25}",
                "Must be a pixel code: 15 to 25 capital letters and digits, not the pixel's numeric id.",
            ),
        },
    ),
    Setting(
        "event_set_name",
        "Event set name",
        help="Shown beside the id; filled from TikTok where the token can list event sets.",
        max_length=255,
    ),
    Setting(
        "auto_tracking",
        "Auto tracking?",
        SettingKind.BOOLEAN,
        help="Link the event set to new campaigns automatically.",
        default=False,
        only_for=(OFFLINE,),
    ),
    Setting(
        "fixed_event_name",
        "Fixed event name",
        help="Used where the query has no event. Case-sensitive.",
        max_length=50,
        patterns={
            OFFLINE: (
                "|".join(STANDARD_EVENTS + LEGACY_EVENTS),
                f"Must be one of TikTok's standard names: {', '.join(STANDARD_EVENTS)}.",
            )
        },
    ),
    Setting(
        "limited_data_use",
        "Limited data use",
        SettingKind.BOOLEAN,
        help="Ask TikTok to restrict the use of these events (US state privacy laws).",
        default=False,
        only_for=(WEB,),
    ),
    Setting(
        "test_event_code",
        "Test event code",
        help="From Events Manager > Test events. Events sent with it show up there; for tests only.",
        max_length=64,
    ),
    Setting(
        "default_page_url",
        "Default page URL",
        SettingKind.URL,
        help="For web rows without page_url.",
        max_length=2048,
        only_for=(WEB,),
    ),
    Setting(
        "default_country",
        "Default country",
        SettingKind.COUNTRY,
        help="Two letters; for phones without country code. Blank: the tenant's country.",
    ),
    Setting(
        "max_age_days",
        "Oldest event, days",
        SettingKind.INTEGER,
        help="Older rows are rejected. TikTok attributes clicks within 28 days.",
        default=ATTRIBUTION_DAYS,
        minimum=1,
        maximum=3650,
    ),
)


def _item(
    column: str, kind: Kind, label: str, sentence: str = "", *, strict: bool = False, posted_as: tuple[str, ...] = ()
) -> Field:
    target = f"properties.contents[].{column}"
    return Field(column, target, kind, label, sentence, strict=strict, posted_as=posted_as)


FIELDS = (
    Field(
        "event_source",
        None,
        Kind.SAME,
        "Event source",
        "Where given, it must be the destination's.",
        fallback="event_source",
        strict=True,
        choices=(OFFLINE, WEB),
    ),
    Field(
        "event_set_id",
        None,
        Kind.SAME,
        "Event set ID",
        "Where given, it must be the destination's event set or pixel.",
        fallback="event_source_id",
        strict=True,
        aliases=("event_source_id",),
    ),
    Field(
        "country",
        None,
        Kind.COUNTRY,
        "Country",
        "Two letters; for phones without country code.",
    ),
    Field(
        "event",
        "event",
        Kind.EVENT_NAME,
        "Event",
        "Case-sensitive standard name; web events may have any other.",
        required=Required.ALWAYS,
        fallback="fixed_event_name",
        choices=STANDARD_EVENTS + LEGACY_EVENTS,
        choices_for=(OFFLINE,),
        posted_as=("event_name", "event_type"),
    ),
    Field(
        "timestamp",
        "event_time",
        Kind.TIMESTAMP,
        "Timestamp",
        "When it happened: ISO 8601, a SQL timestamp, or Unix time.",
        required=Required.ALWAYS,
        posted_as=("event_time", "time"),
    ),
    Field(
        "event_id",
        "event_id",
        Kind.TEXT,
        "Event ID",
        "Unique id; TikTok drops what it has seen within 48 hours. Made from the row where absent.",
    ),
    Field("email", "user.email", Kind.EMAIL, "E-mail", "Hashed here.", required=Required.ONE_OF, pii=True),
    Field(
        "phone",
        "user.phone",
        Kind.PHONE,
        "Phone",
        "With country code, or with a country. Hashed here.",
        required=Required.ONE_OF,
        pii=True,
    ),
    Field(
        "external_id",
        "user.external_id",
        Kind.EXTERNAL_ID,
        "External ID",
        "Your own id of the customer, as the pixel sends it. Hashed here.",
        required=Required.ONE_OF,
        required_for=(WEB,),
        pii=True,
    ),
    Field(
        "tiktok_click_id",
        "user.ttclid",
        Kind.TEXT,
        "Click ID",
        "ttclid of the landing page.",
        (WEB,),
        pii=True,
        posted_as=("ttclid", "callback"),
    ),
    Field(
        "cookie_id",
        "user.ttp",
        Kind.TEXT,
        "Cookie ID",
        "Value of the cookie _ttp.",
        (WEB,),
        pii=True,
        posted_as=("ttp",),
    ),
    Field("ip", "user.ip", Kind.IP, "IP address", "Of the customer, never hashed.", (WEB,), pii=True),
    Field(
        "agent",
        "user.user_agent",
        Kind.TEXT,
        "User agent",
        "Of the customer's browser.",
        (WEB,),
        pii=True,
        posted_as=("user_agent",),
    ),
    Field("locale", "user.locale", Kind.LOCALE, "Locale", "BCP 47, such as en-US.", (WEB,)),
    _item("content_id", Kind.TEXT, "Content ID", "SKU; rows with the same event and event_id become one event."),
    _item("content_name", Kind.TEXT, "Content name"),
    _item("content_category", Kind.TEXT, "Content category"),
    _item("brand", Kind.TEXT, "Brand"),
    _item("price", Kind.NUMBER, "Price", "Of one unit.", strict=True, posted_as=("content_price",)),
    _item("quantity", Kind.QUANTITY, "Quantity", strict=True, posted_as=("content_quantity",)),
    Field(
        "content_type",
        "properties.content_type",
        Kind.CHOICE,
        "Content type",
        "product (default) or product_group.",
        choices=("product", "product_group"),
        default="product",
    ),
    Field(
        "currency",
        "properties.currency",
        Kind.CURRENCY,
        "Currency",
        "ISO 4217; USD where there is a value without one.",
        strict=True,
        choices=TIKTOK_CURRENCIES,
        default="USD",
    ),
    Field(
        "value",
        "properties.value",
        Kind.NUMBER,
        "Value",
        "Of the whole event; price × quantity where absent.",
        strict=True,
    ),
    Field("order_id", "properties.order_id", Kind.TEXT, "Order ID"),
    Field("shop_id", "properties.shop_id", Kind.TEXT, "Shop ID"),
    Field("description", "properties.description", Kind.TEXT, "Description"),
    Field(
        "query",
        "properties.search_string",
        Kind.TEXT,
        "Search text",
        "What the customer searched for.",
        posted_as=("search_string",),
    ),
    Field(
        "event_channel",
        "properties.event_channel",
        Kind.CHOICE,
        "Event channel",
        "email, website, phone_call, in_store, crm or other.",
        (OFFLINE,),
        strict=True,
        choices=CHANNELS,
        word="channel",
    ),
    Field(
        "page_url",
        "page.url",
        Kind.URL,
        "Page URL",
        "Where it happened.",
        (WEB,),
        required=Required.ALWAYS,
        fallback="default_page_url",
        posted_as=("url",),
    ),
    Field("referrer_url", "page.referrer", Kind.URL, "Referrer URL", "", (WEB,), posted_as=("referrer",)),
    Field(
        "limited_data_use",
        "limited_data_use",
        Kind.BOOLEAN,
        "Limited data use",
        "Restrict the use of this event; the setting holds where blank.",
        (WEB,),
        strict=True,
    ),
)


def send(client: TikTokClient, parcel: Parcel) -> Answer:
    """Send one request body of events."""
    settings = parcel.settings
    return events_track(
        client, parcel.body, event_source_id=settings["event_source_id"], advertiser_id=settings["advertiser_id"]
    )


SPEC = Spec(
    key="tiktok-ads-events",
    label="TikTok Ads Events",
    description="Sends conversion events (offline purchases, web events) for attribution and optimisation.",
    credential_type="tiktok-offline-events",
    settings=SETTINGS,
    fields=FIELDS,
    # 1,000 items: TikTok doc 1771101303285761. Bytes: assumed, TikTok states no limit.
    limits=Limits(rows_per_request=1000, bytes_per_request=5_000_000),
    checks=("token", "advertiser", "status", "role", "event_source"),
    prepare=prepare,
    send=send,
    body_slice=body_slice,
    source_setting="event_source",
    resending=Resending(
        address=("event_source", "event_source_id", "test_event_code"),
        known_hours=DEDUPLICATION_HOURS,
        age_limit=age_limit,
        times=body_times,
        repack=repack,
    ),
    one_of_sentence="Nobody can be recognised: at least one of the columns {columns} is needed.",
)
