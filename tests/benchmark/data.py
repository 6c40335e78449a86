"""Dirty orders with a fixed seed: 1,000,000 rows of 20 columns, about 4 % to be rejected for a dozen reasons."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20_260_301
NOW = 1_772_366_400  # 2026-03-01T12:00:00Z
CHUNK = 20_480
"""Rows per row group: small ones let threads take turns."""

FIRST = "james mary robert patricia john jennifer michael linda lukas hannah felix lena zoe amelia isla noah".split()
LAST = "smith johnson garcia miller davis lopez nguyen müller schmidt rossi silva kim patel o'neil dubois".split()
DOMAINS = "gmail.com gmail.com gmail.com yahoo.com outlook.com icloud.com gmx.de web.de orange.fr example.co.uk".split()
EVENTS = (
    "Purchase Purchase Purchase Purchase AddToCart AddToCart ViewContent Lead InitiateCheckout LoyaltySignUp".split()
)
AGENTS = [
    f"Mozilla/5.0 ({system}) AppleWebKit/{version}.36 (KHTML, like Gecko) Chrome/{version}.0 Mobile Safari/{version}.36"
    for system in ("iPhone; CPU iPhone OS 17_4_1 like Mac OS X", "Linux; Android 14; SM-S918B", "Windows NT 10.0; x64")
    for version in range(520, 540)
]
NOUNS = 'T-Shirt Jacket "Mug" Sneaker Cup Backpack Poster Hörspiel Lamp Socks Été Bottle\\1 Sunscreen 😀'.split()
BAD_TIMES = ["", "not a date", "01/04/2026 10:00", "2026-02-30T10:00:00Z", "2026-13-45T00:00:00Z"]

Texts = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]


def write_events(path: Path, rows: int, items: int = 1) -> Path:
    """Write a Parquet file; with `items` > 1, so many rows in a row share event, event_id and person."""
    writer = None
    for start in range(0, rows, CHUNK):
        table = _chunk(start, min(CHUNK, rows - start), items)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=CHUNK)
    if writer:
        writer.close()
    return path


def _chunk(start: int, size: int, items: int) -> pa.Table:
    rng = np.random.Generator(np.random.PCG64([SEED, start]))
    order = (np.arange(start, start + size) // items).astype(np.int64)
    events = -(-size // items) + 1
    event = order - order[0]
    customer = (rng.random(events) ** 1.7 * 450_000).astype(np.int64)[event]

    def pick(words: list[str], index: npt.NDArray[np.int64]) -> Texts:
        return np.array(words, dtype=object)[index % len(words)]

    def per_event(values: Floats) -> Floats:
        spread: Floats = values[event]
        return spread

    chance = rng.random((16, size))
    columns: dict[str, pa.Array] = {
        "event": _text(pick(EVENTS, per_event(rng.random(events) * 10).astype(np.int64)), chance[0] < 0.001),
        "event_id": _text(np.array([f"{number:08x}-4ce4-ba28-{number * 7919:016x}" for number in order], dtype=object)),
        "timestamp": _timestamps(rng, per_event(rng.random(events)), chance[1]),
    }
    person = np.array([f"{FIRST[c % 16]}.{LAST[c // 16 % 15]}{c}@{DOMAINS[c % 10]}" for c in customer], dtype=object)
    nobody = per_event(rng.random(events)) < 0.01
    columns["email"] = _dirty(person, chance[2], [str.upper, " {}".format, "{}\t".format, lambda e: e.replace("@", "")])
    phone = np.array([f"+1{2_000_000_000 + c * 1777 % 7_999_999_999}" for c in customer], dtype=object)
    shapes = [lambda p: f"{p[:2]} ({p[2:5]}) {p[5:8]}-{p[8:]}", lambda p: p[2:], "00{}".format, "{} ext. 12".format]
    columns["phone"] = _dirty(phone, chance[3], shapes)
    columns["external_id"] = _text(np.array([f"C-{c:09d}" for c in customer], dtype=object), chance[4] < 0.2)
    for name in ("email", "phone", "external_id"):
        columns[name] = pa.array(columns[name].to_pylist(), pa.string(), mask=nobody)
    address = rng.integers(0, 2**32, size)
    ips = [f"{a >> 24 & 127 or 1}.{a >> 16 & 255}.{a >> 8 & 255}.{a & 255}" for a in address]
    six = [f"2a02:{a >> 16 & 65535:x}:{a & 65535:x}::{a >> 8 & 65535:x}" for a in address]
    columns["ip"] = _text(np.where(chance[5] < 0.15, six, ips).astype(object), chance[6] < 0.25)
    columns["agent"] = _text(pick(AGENTS, rng.integers(0, 60, size)), chance[6] > 0.75)
    columns["tiktok_click_id"] = _text(
        np.array([f"E.C.P.{a:08x}{c:012x}CsQBqJ" for a, c in zip(address, customer, strict=True)], dtype=object),
        chance[7] < 0.6,
    )
    columns["cookie_id"] = _text(np.array([f"{c * 31:020x}.tt.1" for c in customer], dtype=object), chance[8] < 0.55)
    columns["order_id"] = _text(np.array([f"ORD-{number}" for number in order], dtype=object), chance[9] < 0.2)
    columns["shop_id"] = _text(pick([f"store-{shop:03d}" for shop in range(250)], rng.integers(0, 250, size)))
    currency = pick(["USD", "USD", "EUR", "GBP", "usd"], rng.integers(0, 5, size))
    currency[chance[10] < 0.004] = "US$"
    currency[chance[10] > 0.997] = "BGN"
    columns["currency"] = _text(currency)
    product = (rng.random(size) ** 2 * 20_000).astype(np.int64)
    columns["content_id"] = _text(
        np.array([f"SKU-{number:06d}" for number in product], dtype=object), chance[11] < 0.03
    )
    columns["content_name"] = _text(
        np.array([f"{NOUNS[p % 14]} {NOUNS[p // 14 % 14]} {p}" for p in product], dtype=object)
    )
    columns["content_category"] = _text(pick(["Apparel > Tops", "Home & Kitchen", "Bücher", "Toys"], product))
    columns["brand"] = _text(pick(["Acme", "L'Atelier", "Brøther", 'O"Neil'], product), chance[12] < 0.1)
    price = np.round(np.exp(rng.normal(3.4, 0.9, size)), 2)
    quantity = rng.choice([1, 2, 3, 4, 6, 12], size, p=[0.7, 0.15, 0.07, 0.04, 0.03, 0.01]).astype(np.int32)
    value = np.round(price * quantity, 2)
    value[chance[13] < 0.003] = np.nan
    value[chance[13] > 0.996] = -5.0
    columns["price"] = pa.array(price, mask=chance[14] < 0.03)
    columns["quantity"] = pa.array(np.where(chance[14] > 0.997, 0, quantity).astype(np.int32), mask=chance[15] < 0.03)
    columns["value"] = pa.array(value, mask=np.full(size, True) if items > 1 else chance[15] > 0.95)
    return pa.table(columns)


def _text(values: Texts, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    return pa.array(values, pa.string(), mask=missing)


def _dirty(values: Texts, chance: Floats, changes: list[Callable[[str], str]]) -> pa.Array:
    """Leave 8 % out and write 8 % in other ways."""
    for index, change in enumerate(changes):
        for at in np.flatnonzero((chance > 0.02 * index) & (chance < 0.02 * (index + 1))):
            values[at] = change(values[at])
    return _text(values, chance > 0.92)


def _timestamps(rng: np.random.Generator, share: Floats, chance: Floats) -> pa.Array:
    """Write moments of the last 20 days in the forms that exports use."""
    seconds = (NOW - share * 20 * 86_400).astype(np.int64)
    seconds[chance < 0.006] -= 30 * 86_400
    seconds[chance > 0.998] += 25 * 86_400
    written = np.datetime_as_string(seconds.astype("datetime64[s]"), unit="s")
    form = rng.random(len(seconds))
    texts = [
        f"{text}Z"
        if f < 0.6
        else f"{text}.123Z"
        if f < 0.88
        else f"{text}+02:00"
        if f < 0.95
        else text.replace("T", " ")
        for text, f in zip(written.tolist(), form.tolist(), strict=True)
    ]
    for at in np.flatnonzero((chance > 0.5) & (chance < 0.505)):
        texts[at] = BAD_TIMES[at % len(BAD_TIMES)]
    return pa.array(texts, pa.string())
