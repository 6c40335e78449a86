"""Orders of shops: one row per item, and beside them rows with each fault that makes a row unfit to send."""

import random
from datetime import datetime, timedelta
from pathlib import Path

from tiktok_hub.hub.demo.people import person
from tiktok_hub.hub.demo.rows import PRODUCTS, Expected, moment, rows_write, written

COLUMNS = (
    *("order_no", "event", "sold_at", "email", "phone", "customer_no", "sku", "product", "category", "brand"),
    *("unit_price", "quantity", "currency", "store", "channel", "source", "event_set"),
)
FAULTS: dict[str, dict[str, str]] = {
    "missing_identity": {"email": "", "phone": ""},
    "bad_email": {"email": "jane.doe@", "phone": ""},
    "bad_phone": {"email": "", "phone": "+0 12"},
    "missing_event": {"event": ""},
    "unknown_event": {"event": "purchase"},
    "event_source_mismatch": {"source": "web"},
    "event_source_id_mismatch": {"event_set": "7654321098765432999"},
    "missing_timestamp": {"sold_at": ""},
    "bad_timestamp": {"sold_at": "last Tuesday"},
    "bad_number": {"unit_price": "$12.00"},
    "negative_number": {"unit_price": "-24.90"},
    "number_too_large": {"unit_price": "1e300"},
    "bad_quantity": {"quantity": "0.5"},
    "bad_currency": {"currency": "DOLLARS"},
    "unsupported_currency": {"currency": "XPF"},
    "bad_channel": {"channel": "carrier pigeon"},
}
FAULTS_EACH = 20


def orders_write(path: Path, now: datetime, *, rows: int = 12_000, seed: int = 7) -> Expected:
    """Write about `rows` rows, the same ones for the same seed but for their times; return what must become of them."""
    source = random.Random(seed)  # noqa: S311 - demo data, not secrets
    expected = Expected()
    lines: list[dict[str, str]] = []
    while len(lines) < rows - len(FAULTS) * FAULTS_EACH:
        items = order(source, now, f"A{len(lines):06d}")
        expected.events += 1
        lines += items
        if source.random() < 0.005:
            lines.append(dict(items[-1]))
            expected.duplicates += 1
    for reason, fault in faults(now).items():
        for number in range(FAULTS_EACH):
            row = {**order(source, now, f"F{reason}{number}")[0], **fault}
            lines.insert(source.randrange(len(lines)), row)
            expected.rejected[reason] += 1
    expected.rows = len(lines)
    rows_write(path, lines, COLUMNS)
    return expected


def faults(now: datetime) -> dict[str, dict[str, str]]:
    """Return each reason to reject a row, with the values that cause it."""
    times = {"timestamp_in_future": now + timedelta(days=2), "timestamp_too_old": now - timedelta(days=40)}
    return FAULTS | {reason: {"sold_at": when.isoformat(timespec="seconds")} for reason, when in times.items()}


def order(source: random.Random, now: datetime, number: str) -> list[dict[str, str]]:
    """Make one order of one to four items; its rows differ in the item only."""
    who, when = person(source), written(source, moment(source, now))
    if not who.email and not who.phone:
        return order(source, now, number)
    head = {"order_no": number, "event": "Purchase", "sold_at": when, "email": who.email, "phone": who.phone}
    head |= {"customer_no": who.number, "currency": "USD", "store": f"NYC-{source.randrange(1, 6)}"}
    head |= {"channel": source.choice(("in_store", "in_store", "phone_call")), "source": "", "event_set": ""}
    return [head | item(source, product) for product in source.sample(PRODUCTS, source.choice((1, 1, 2, 2, 3, 4)))]


def item(source: random.Random, product: tuple[str, ...]) -> dict[str, str]:
    """Make the part of a row that is about one product."""
    sku, name, category, brand, price = product
    quantity = str(source.choice((1, 1, 1, 2, 3)))
    return {
        "sku": sku,
        "product": name,
        "category": category,
        "brand": brand,
        "unit_price": price,
        "quantity": quantity,
    }
