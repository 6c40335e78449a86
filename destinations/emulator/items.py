"""Say, as tables, what an item of `data[]` may hold for each event source (TikTok doc 1771101303285761, §data).

A field that TikTok's table does not name for a source is refused there, except inside `properties`, where unknown
keys are seen in production; `limited_data_use` for offline and crm is tolerated for the same reason.
"""

from typing import Any

from destinations.emulator.checks import (
    Check,
    FieldError,
    check_amount,
    check_boolean,
    check_currency,
    check_device_id,
    check_hash,
    check_hashes,
    check_integer,
    check_ip,
    check_locale,
    check_object,
    check_quantity,
    check_text,
    check_url,
    list_of,
    object_of,
    one_of,
)

_STANDARD = (
    "AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct Download"
    " FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication Subscribe ViewContent"
)
_LEGACY = "CompletePayment SubmitForm PlaceAnOrder ClickButton Pageview PageView"
OFFLINE_EVENTS = (*_STANDARD.split(), *_LEGACY.split())

DAY = 86_400
FUTURE_SECONDS = 600

_CONTENT: dict[str, Check] = {
    "price": check_amount,
    "quantity": check_quantity,
    "content_id": check_text,
    "content_type": one_of("product", "product_group"),
    "content_category": check_text,
    "content_name": check_text,
    "brand": check_text,
}
_PROPERTIES: dict[str, Check] = {
    "contents": list_of(object_of(_CONTENT, known_only=False)),
    "content_type": one_of("product", "product_group"),
    "content_ids": list_of(check_text),
    "currency": check_currency,
    "value": check_amount,
    "num_items": check_integer,
    "search_string": check_text,
    "query": check_text,
    "description": check_text,
    "order_id": check_text,
    "shop_id": check_text,
    "event_channel": one_of("email", "website", "phone_call", "in_store", "crm", "other"),
    "delivery_category": one_of("in_store", "curbside", "home_delivery"),
    "predicted_ltv": check_amount,
}
_PERSON: dict[str, Check] = {
    "email": check_hashes,
    "phone": check_hashes,
    "external_id": check_hashes,
    "first_name": check_hash,
    "last_name": check_hash,
    "zip_code": check_hash,
    "city": check_text,
    "state": check_text,
    "country": check_text,
}
_WEB_USER: dict[str, Check] = {
    **_PERSON,
    "ttclid": check_text,
    "ttp": check_text,
    "ip": check_ip,
    "user_agent": check_text,
    "locale": check_locale,
}
_APP_USER: dict[str, Check] = {
    **_PERSON,
    "ip": check_ip,
    "user_agent": check_text,
    "locale": check_locale,
    "idfa": check_device_id,
    "idfv": check_device_id,
    "gaid": check_device_id,
    "att_status": one_of("AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE"),
}
_BASE: dict[str, Check] = {
    "event": check_text,
    "event_time": check_integer,
    "event_id": check_text,
    "user": object_of(_PERSON),
    "properties": object_of(_PROPERTIES, known_only=False),
    "limited_data_use": check_boolean,
}
ITEMS: dict[str, dict[str, Check]] = {
    "web": {
        **_BASE,
        "user": object_of(_WEB_USER),
        "page": object_of({"url": check_url, "referrer": check_url}, ("url",)),
    },
    "offline": {**_BASE, "event": one_of(*OFFLINE_EVENTS)},
    "crm": {**_BASE, "lead": object_of({"lead_id": check_text, "lead_event_source": check_text}, ("lead_id",))},
    "app": {
        **_BASE,
        "user": object_of(_APP_USER),
        "app": object_of({"app_id": check_text, "app_name": check_text, "app_version": check_text}, ("app_id",)),
        "ad": object_of({}, known_only=False),
    },
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "web": ("event", "event_time", "page"),
    "offline": ("event", "event_time"),
    "crm": ("event", "event_time", "lead"),
    "app": ("event", "event_time", "app"),
}
NESTED = {"page": "page.url", "lead": "lead.lead_id", "app": "app.app_id"}
"""Name the field inside when a whole required object is missing."""


def items_check(kind: str, items: list[Any], oldest: float, newest: float) -> None:
    """Check all items of a request; raise the FieldError of the first bad one, its index first in the path."""
    checks, required = ITEMS[kind], REQUIRED[kind]
    for index, item in enumerate(items):
        try:
            check_object(item, checks, required, known_only=True)
            check_time(item["event_time"], oldest, newest)
        except FieldError as error:
            raise error.under(index) from None


def check_time(seconds: int, oldest: float, newest: float) -> None:
    """Accept an event time in Unix seconds between two moments (milliseconds are far in the future)."""
    if seconds > 100_000_000_000:
        raise FieldError("not a valid Unix timestamp in seconds.", path=("event_time",))
    if seconds > newest:
        raise FieldError("must not be in the future.", path=("event_time",))
    if seconds < oldest:
        raise FieldError("older than 28 days.", path=("event_time",))
