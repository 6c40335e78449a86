"""What the generators of demo data share: products, moments, and the account of what must become of the rows."""

import csv
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

PRODUCTS = (
    ("SKU-1001", "Trail jacket", "Clothing > Jackets", "Northline", "189.00"),
    ("SKU-1002", "Merino socks, 3 pairs", "Clothing > Socks", "Northline", "24.90"),
    ("SKU-1003", "Running shoes “Kite”", "Shoes > Running", "Stride", "129.95"),
    ("SKU-1004", "Water bottle 0.7 l", "Outdoor > Bottles", "Camp & Co", "18.50"),
    ("SKU-1005", "Headlamp", "Outdoor > Light", "Camp & Co", "44.00"),
    ("SKU-1006", "Backpack 28 l", "Outdoor > Bags", "Northline", "99.00"),
    ("SKU-1007", "Yoga mat", "Fitness > Mats", "Stride", "39.99"),
    ("SKU-1008", "Gift card", "Gifts", "Acme", "50.00"),
)


@dataclass
class Expected:
    """What must become of a file: rows in it, events made of them, rows rejected by reason, rows that came twice."""

    rows: int = 0
    events: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def moment(source: random.Random, now: datetime) -> datetime:
    """Return a moment of the last 20 days, more often a recent one."""
    return now - timedelta(minutes=10) - timedelta(days=20) * source.random() ** 2


def written(source: random.Random, when: datetime) -> str:
    """Write a moment in one of the ways that source systems do."""
    utc = when.astimezone(UTC)
    return source.choice(
        (
            utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            utc.isoformat(timespec="milliseconds"),
            str(int(utc.timestamp())),
            str(int(utc.timestamp() * 1000)),
        )
    )


def rows_write(path: Path, rows: Iterable[Mapping[str, str]], columns: tuple[str, ...]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
