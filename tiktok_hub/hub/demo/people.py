"""Customers who do not exist, written the way people type: blanks, capitals, brackets, missing country codes."""

import random
from dataclasses import dataclass

FIRST = "Ada Ben Chloé Dmitri Elif Farid Grace Hana Ivo Jane Kofi Lena Mateo Noor Olga Pia Quinn Rosa Sam Tara".split()
LAST = "Adams Brandt Castillo Dogan Eriksen Ferrari Garcia Haddad Ito Jensen Kowalski Lopez Meyer Nguyen Okafor".split()
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com")
PHONES = ("+1 212 555 {:04d}", "(212) 555-{:04d}", "212.555.{:04d}", "001 212 555{:04d}", "+1-212-555-{:04d}")


@dataclass(frozen=True)
class Person:
    """What a shop knows of somebody; either `email` or `phone` may be empty."""

    email: str
    phone: str
    number: str


def person(source: random.Random) -> Person:
    """Make somebody: most have an e-mail address, some only a phone number."""
    first, last, number = source.choice(FIRST), source.choice(LAST), source.randrange(10_000)
    ascii_first = first.replace("é", "e")
    email = f"{ascii_first}.{last}{number % 100 or ''}@{source.choice(DOMAINS)}"
    email = source.choice((email.lower(), email.lower(), email, f" {email.lower()}", email.upper()))
    phone = source.choice(PHONES).format(number)
    has = source.random()
    return Person("" if has > 0.9 else email, phone if has > 0.45 else "", f"C{number:05d}")
