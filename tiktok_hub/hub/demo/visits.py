"""Events of a web shop, one per row, with the faults that only web events have."""

import random
from datetime import datetime
from pathlib import Path

from tiktok_hub.hub.demo.people import person
from tiktok_hub.hub.demo.rows import PRODUCTS, Expected, moment, rows_write, written

COLUMNS = (
    *("event", "happened_at", "email", "phone", "customer_no", "ip", "user_agent", "ttclid", "page", "referrer"),
    *("sku", "product", "price", "search", "opted_out"),
)
EVENTS = ("ViewContent", "ViewContent", "ViewContent", "AddToCart", "Search", "InitiateCheckout", "Purchase")
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
FAULTS: dict[str, dict[str, str]] = {
    "missing_identity": {"email": "", "phone": "", "customer_no": ""},
    "missing_page_url": {"page": ""},
    "bad_url": {"page": "not an address"},
    "event_name_too_long": {"event": "Viewed" * 10},
    "bad_boolean": {"opted_out": "perhaps"},
    "negative_number": {"price": "-1"},
}
FAULTS_EACH = 10


def visits_write(path: Path, now: datetime, *, rows: int = 3_000, seed: int = 11) -> Expected:
    """Write `rows` rows, the same ones for the same seed but for their times; return what must become of them."""
    source = random.Random(seed)  # noqa: S311 - demo data, not secrets
    lines = [visit(source, now) for _ in range(rows - len(FAULTS) * FAULTS_EACH)]
    expected = Expected(rows=rows, events=len(lines))
    for reason, fault in FAULTS.items():
        for _ in range(FAULTS_EACH):
            lines.insert(source.randrange(len(lines)), {**visit(source, now), **fault})
            expected.rejected[reason] += 1
    rows_write(path, lines, COLUMNS)
    return expected


def visit(source: random.Random, now: datetime) -> dict[str, str]:
    """Make one event of somebody on the web site."""
    who, event = person(source), source.choice(EVENTS)
    sku, name, _, _, price = source.choice(PRODUCTS)
    return {
        "event": event,
        "happened_at": written(source, moment(source, now)),
        "email": who.email,
        "phone": who.phone,
        "customer_no": who.number,
        "ip": f"203.0.113.{source.randrange(1, 255)}",
        "user_agent": AGENT,
        "ttclid": f"E.C.P.{source.getrandbits(64):016x}" if source.random() < 0.4 else "",
        "page": f"https://shop.example.com/p/{sku.lower()}",
        "referrer": source.choice(("", "https://www.tiktok.com/", "https://search.example.com/")),
        "sku": sku,
        "product": name,
        "price": price if event != "Search" else "",
        "search": name.split()[0].lower() if event == "Search" else "",
        "opted_out": source.choice(("", "", "", "no", "yes")),
    }
