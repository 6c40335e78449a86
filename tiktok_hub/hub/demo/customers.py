"""Customers of a shop for an audience: how they were typed in, and which ids TikTok must hold for them."""

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tiktok_hub.hub.demo.people import DOMAINS, FIRST, LAST, PHONES
from tiktok_hub.hub.demo.rows import rows_write

COLUMNS = ("customer_no", "email", "phone", "country", "days_since_order")
Sets = dict[str, set[str]]


@dataclass(frozen=True)
class Customer:
    """Somebody with an e-mail address as typed and as TikTok wants it, and a phone likewise; either may be empty."""

    number: int
    email: str
    clean_email: str
    phone: str
    clean_phone: str

    def row(self, source: random.Random) -> dict[str, str]:
        """Return the line of the file."""
        days = str(source.randrange(90))
        return {"customer_no": f"C{self.number:06d}", "email": self.email, "phone": self.phone, "country": "US",
                "days_since_order": days}  # fmt: skip


def customer(number: int) -> Customer:
    """Make the customer of a number, always the same one."""
    source = random.Random(number)  # noqa: S311 - demo data, not secrets
    first, last = source.choice(FIRST).replace("é", "e").lower(), source.choice(LAST).lower()
    domain, dial = source.choice(DOMAINS), number % 10_000
    tag = source.choice(("", "", "+shop"))
    typed = f"{first}.{last}{number}{tag}@{domain}"
    written = source.choice((typed, typed.upper(), f" {typed}"))
    has = source.random()
    email, clean = ("", "") if has > 0.9 else (written, f"{first}{last}{number}@{domain}")
    # Phones are the own of one customer in ten thousand, as the demo has no more.
    phone = source.choice(PHONES).format(dial) if has > 0.45 else ""
    return Customer(number, email, clean, phone, f"+1212555{dial:04d}" if phone else "")


def customers_write(path: Path, numbers: Iterable[int], bad_rows: int) -> Sets:
    """Write customers, and rows of nobody in particular; return the ids that TikTok must hold, per type."""
    source = random.Random(5)  # noqa: S311 - demo data, not secrets
    people = [customer(number) for number in numbers]
    nobody = [{"customer_no": f"X{n}", "email": "unknown", "country": "US"} for n in range(bad_rows)]
    rows_write(path, [*(person.row(source) for person in people), *nobody], COLUMNS)
    return {
        "EMAIL_SHA256": {digest(person.clean_email) for person in people if person.clean_email},
        "PHONE_SHA256": {digest(person.clean_phone) for person in people if person.clean_phone},
    }


def digest(text: str) -> str:
    """Hash an id the way TikTok says."""
    return hashlib.sha256(text.encode()).hexdigest()
