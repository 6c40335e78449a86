"""Refuse what comes too fast: per app and endpoint, per pixel or event set, per ad account.

Numbers: TikTok doc 1740029171730433 (docs/rate-limits/v1.3). HTTP stays 200, no Retry-After. A second that is full
passes with the second, a full minute with the minute, a full day at 00:00 UTC; refused calls do not count (assumed).
"""

from typing import Any, NamedTuple

from destinations.emulator.errors import (
    ADVERTISER_FREQUENCY,
    SOURCE_FREQUENCY,
    TOO_FREQUENT,
    ApiError,
    SeedError,
)


class Rate(NamedTuple):
    """Calls per second, minute and day; 0 = no limit."""

    qps: int
    qpm: int = 0
    qpd: int = 0


LEVELS: dict[str, Rate | None] = {
    "basic": Rate(10, 600, 864_000),
    "advanced": Rate(20, 1_200, 1_728_000),
    "premium": Rate(30, 1_800, 2_592_000),
    "ultimate": Rate(50, 3_000, 4_320_000),
    "none": None,
}
REPORTING = Rate(1_000, 600_000, 86_400_000)
REPORTING_PATHS = frozenset({"/event/track/"})
STREAMING_PREFIX = "/segment/"
STREAMING_FACTOR = 1_000
"""TikTok's table gives the Streaming API a thousand times the level's rates (perhaps it counts records, not calls)."""
CLOCKS = (1, 60, 86_400)
KINDS = ("app", "pixel", "advertiser")


def _published(rate: Rate | None, path: str) -> Rate | None:
    """Give the limit that TikTok publishes for a path, for apps of the level with this rate."""
    if rate is None or path in REPORTING_PATHS:
        return rate and REPORTING
    return Rate(*(STREAMING_FACTOR * calls for calls in rate)) if path.startswith(STREAMING_PREFIX) else rate


class Limits:
    """Fixed windows per key. Not thread-safe: the caller holds the state's lock."""

    def __init__(self, level: str) -> None:
        """Start with the published limits of a level (`none` switches them off)."""
        self.level = level
        self.rules: list[dict[str, Any]] = []
        self._windows: dict[tuple[str, str, str, int], tuple[int, int]] = {}

    def set_level(self, level: object) -> None:
        """Change the level of all apps."""
        if level not in LEVELS:
            raise SeedError(f"level must be one of {', '.join(LEVELS)}.")
        self.level = str(level)

    def add(self, rule: dict[str, Any]) -> None:
        """Add a rule `{kind: app|pixel|advertiser, qps, qpm?, qpd?, path?, value?}`; it wins over older ones."""
        unknown = rule.keys() - {"kind", "path", "value", "qps", "qpm", "qpd"}
        if unknown:
            raise SeedError(f"A limit has the unknown key {sorted(unknown)[0]}.")
        if rule.get("kind") not in KINDS:
            raise SeedError(f"A limit needs a kind, one of {', '.join(KINDS)}.")
        if not any(isinstance(rule.get(clock), int) for clock in ("qps", "qpm", "qpd")):
            raise SeedError("A limit needs qps, qpm or qpd, whole numbers.")
        self.rules.insert(0, rule)

    def check_app(self, app_id: str, path: str, now: float) -> None:
        """Count a call of an app; raise 40100 when it is one too many."""
        rate = self._rule("app", app_id, path)
        if rate is None:
            rate = _published(LEVELS[self.level], path)
        if rate is not None and self._full("app", app_id, path, rate, now):
            raise ApiError(TOO_FREQUENT, "Too many requests. Please retry in some time.")

    def check_source(self, source_id: str, path: str, now: float) -> None:
        """Count a call for a pixel or event set; raise 40132."""
        rate = self._rule("pixel", source_id, path)
        if rate is not None and self._full("pixel", source_id, path, rate, now):
            raise ApiError(SOURCE_FREQUENCY, "The request QPS is limited by pixel_code's value.")

    def check_advertiser(self, advertiser_id: str, path: str, now: float) -> None:
        """Count a call for an ad account; raise 40133."""
        rate = self._rule("advertiser", advertiser_id, path)
        if rate is not None and self._full("advertiser", advertiser_id, path, rate, now):
            raise ApiError(
                ADVERTISER_FREQUENCY,
                f"Advertiser ({advertiser_id})'s QPS ({rate.qps + 1}) reaches QPS limit {rate.qps}"
                " for current path. Please retry in some time.",
            )

    def _rule(self, kind: str, value: str, path: str) -> Rate | None:
        for rule in self.rules:
            if rule["kind"] == kind and rule.get("value", value) == value and rule.get("path", path) == path:
                return Rate(rule.get("qps", 0), rule.get("qpm", 0), rule.get("qpd", 0))
        return None

    def _full(self, kind: str, value: str, path: str, rate: Rate, now: float) -> bool:
        windows = []
        for clock, allowed in zip(CLOCKS, rate, strict=True):
            if not allowed:
                continue
            key = (kind, value, path, clock)
            current = int(now) // clock
            window, used = self._windows.get(key, (current, 0))
            used = used if window == current else 0
            if used >= allowed:
                return True
            windows.append((key, (current, used + 1)))
        self._windows.update(windows)
        return False
