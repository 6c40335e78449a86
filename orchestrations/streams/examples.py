"""Items that a stream takes, to begin with: for snippets, the test form and the documentation."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from destinations.specs.base import Spec

EMAIL, PHONE, CUSTOMER = "customer@shop.example", "+12025550143", "customer-7"
EXAMPLES: dict[str, Any] = {
    "action": "add",
    "event": "Purchase",
    "event_id": "order-1001",
    "timestamp": "2026-11-21T14:05:00Z",
    "email": EMAIL,
    "email_sha256": sha256(EMAIL.encode()).hexdigest(),
    "phone": PHONE,
    "phone_sha256": sha256(PHONE.encode()).hexdigest(),
    "external_id": CUSTOMER,
    "external_id_sha256": sha256(CUSTOMER.encode()).hexdigest(),
    "idfa": "6D92078A-8246-4BA4-AE5B-76104861E7DC",
    "aaid": "38400000-8cf0-11bd-b23e-10b96e40000d",
    "country": "US",
    "tiktok_click_id": "E.C.P.CtQBxgE",
    "cookie_id": "2NJ6Kj8mF0iP7rS",
    "ip": "203.0.113.7",
    "agent": "Mozilla/5.0 (Macintosh)",
    "locale": "en-US",
    "content_id": "SKU-1001",
    "content_name": "Blue shirt",
    "content_category": "Shirts",
    "brand": "Acme",
    "price": 24.95,
    "quantity": 2,
    "content_type": "product",
    "value": 49.9,
    "currency": "USD",
    "order_id": "1001",
    "shop_id": "store-12",
    "description": "Autumn sale",
    "query": "blue shirt",
    "event_channel": "in_store",
    "page_url": "https://shop.example/thanks",
    "referrer_url": "https://shop.example/cart",
    "limited_data_use": False,
    "contents": [{"content_id": "SKU-1001", "price": 24.95, "quantity": 2}],
    "test_event_code": "TEST12345",
}
"""A good value for each parameter."""
PURCHASE = ("event", "event_id", "email", "content_id", "price", "quantity", "currency")


def example_item(spec: Spec, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a good item for a destination: a purchase, or somebody who joins an audience."""
    if spec.keeps_audience:
        kinds = settings.get(spec.kinds_setting or "") or ["EMAIL"]
        return _chosen("action", *(str(kind).lower() for kind in kinds))
    if settings.get("event_source") == "web":
        return _chosen(*PURCHASE, "page_url")
    return _chosen(*PURCHASE, "event_channel")


def _chosen(*names: str) -> dict[str, Any]:
    return {name: EXAMPLES[name] for name in names}
