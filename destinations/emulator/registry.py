"""Keep the accounts in memory: build them from seeds, look them up, answer who may use what."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from destinations.emulator.errors import SeedError
from destinations.emulator.model import (
    Advertiser,
    App,
    AuthCode,
    BusinessCenter,
    EventSet,
    Pixel,
    Token,
    User,
)
from destinations.emulator.seed import Seed

Row = TypeVar("Row")
WRITERS = frozenset({"ADMIN", "OPERATOR"})
"""Roles that may send events to an ad account; an Analyst may only read."""


@dataclass
class Registry:
    """All accounts by id (pixels by code)."""

    apps: dict[str, App] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    business_centers: dict[str, BusinessCenter] = field(default_factory=dict)
    advertisers: dict[str, Advertiser] = field(default_factory=dict)
    pixels: dict[str, Pixel] = field(default_factory=dict)
    offline_event_sets: dict[str, EventSet] = field(default_factory=dict)
    crm_event_sets: dict[str, EventSet] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    auth_codes: dict[str, AuthCode] = field(default_factory=dict)

    def add(self, seed: Seed) -> None:
        """Add the accounts of a seed; the same id again replaces what was there."""
        _add(self.apps, App, seed, "apps", "app_id")
        _add(self.users, User, seed, "users", "user_id")
        _add(self.business_centers, BusinessCenter, seed, "business_centers", "bc_id")
        _add(self.advertisers, Advertiser, seed, "advertisers", "advertiser_id")
        _add(self.pixels, Pixel, seed, "pixels", "pixel_code")
        _add(self.offline_event_sets, EventSet, seed, "offline_event_sets", "event_set_id")
        _add(self.crm_event_sets, EventSet, seed, "crm_event_sets", "event_set_id")
        _add(self.tokens, Token, seed, "tokens", "access_token")

    def source(self, kind: str, source_id: str) -> Pixel | EventSet | None:
        """Find the event source of one kind (`web`, `offline`, `crm`)."""
        if kind == "web":
            return self.pixels.get(source_id)
        return (self.offline_event_sets if kind == "offline" else self.crm_event_sets).get(source_id)

    def source_name(self, source_id: str) -> str:
        """Name an event source for people, whatever its kind."""
        pixel = self.pixels.get(source_id)
        if pixel is not None:
            return pixel.pixel_name
        event_set = self.offline_event_sets.get(source_id) or self.crm_event_sets.get(source_id)
        return event_set.name if event_set is not None else source_id

    def role(self, token: Token, advertiser_id: str) -> str | None:
        """Tell the role the token's user has on an ad account the token was granted, or None."""
        advertiser = self.advertisers.get(advertiser_id)
        if advertiser is None or advertiser_id not in token.advertiser_ids:
            return None
        return advertiser.roles.get(token.user_id)

    def may_write(self, token: Token, source: Pixel | EventSet) -> bool:
        """Tell whether the token may send events to a source: Admin or Operator of one of its ad accounts."""
        return any(self.role(token, advertiser_id) in WRITERS for advertiser_id in source.advertiser_ids)


def _add(target: dict[str, Row], kind: type[Row], seed: Seed, key: str, identifier: str) -> None:
    for row in rows(seed, key):
        try:
            target[str(row[identifier])] = kind(**deepcopy(row))  # a seed may build many emulators
        except KeyError as error:
            raise SeedError(f"An entry of {key} lacks {identifier}.") from error
        except TypeError as error:
            raise SeedError(
                f"An entry of {key} is wrong: {str(error).partition('__init__() ')[2] or error}."
            ) from error


def rows(seed: Seed, key: str) -> list[dict[str, Any]]:
    """Take one list of objects out of a seed; absent means empty."""
    value = seed.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise SeedError(f"{key} must be a list of objects.")
    return value
