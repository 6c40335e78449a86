"""Hold everything the emulator knows, behind one lock, and the options a seed can set."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from destinations.emulator.audiences import AudienceRules, AudienceStore
from destinations.emulator.errors import SeedError
from destinations.emulator.faults import Faults
from destinations.emulator.limits import Limits
from destinations.emulator.log import RequestLog
from destinations.emulator.registry import Registry, rows
from destinations.emulator.seed import DEFAULT_SEED, Seed
from destinations.emulator.store import EventStore
from destinations.emulator.uploads import Uploads

SEED_KEYS = frozenset(DEFAULT_SEED) | {"default", "audiences", "options", "limits", "faults"}


@dataclass
class Options:
    """What a seed's `options` can set.

    `index_in_message`: name the item in 40002 messages, as Events API 1.0 did. `level`: rate level of apps, or `none`.
    `full_event_limit`: whole events kept per source. `request_log_limit`: requests remembered. `max_age_days`: older
    events are refused (assumed: no source shows it). `age_grace_seconds`: added to that, since senders measure the age
    before they send. `auth_code_seconds`: life of an auth_code.

    Audiences: `streaming_allow_listed`: whether the app may use /segment/. `audience_limit`: most per ad account.
    `audience_floor`: matched people a file must leave. `audience_match_rate`: share of people TikTok knows.
    `audience_processing_seconds`: how long a file is worked on (the real time is unknown). `audience_size_seconds`:
    how long until a size shows. `file_path_seconds`: life of an uploaded file (the real one is unknown).
    """

    index_in_message: bool = False
    level: str = "basic"
    full_event_limit: int = 50_000
    request_log_limit: int = 10_000
    max_age_days: int = 28
    age_grace_seconds: int = 3_600
    auth_code_seconds: int = 3_600
    streaming_allow_listed: bool = True
    audience_limit: int = 400
    audience_floor: int = 1_000
    audience_match_rate: float = 1.0
    audience_processing_seconds: float = 300.0
    audience_size_seconds: float = 86_400.0
    file_path_seconds: float = 86_400.0


class State:
    """The emulator's memory. Whoever reads or changes more than one value holds `lock`."""

    def __init__(self, seed: Seed | None = None, clock: Callable[[], float] = time.time) -> None:
        """Load the default seed and what `seed` adds to it; `clock` gives epoch seconds."""
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.seed = seed or {}
        self._clock = clock
        self._serial = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything and load the seeds again."""
        with self.lock:
            self.options = Options()
            self.registry = Registry()
            self.faults = Faults()
            self.limits = Limits(self.options.level)
            self.latency_seconds = 0.0
            self.null = False
            self._shift = 0.0
            self.audiences = AudienceStore()
            self.uploads = Uploads()
            self.clear_events()
            if self.seed.get("default", True):
                self.add_seed(DEFAULT_SEED)
            self.add_seed(self.seed)

    def clear_events(self) -> None:
        """Forget events and requests, keep accounts, tokens, faults and limits."""
        with self.lock:
            self.events = EventStore(self.options.full_event_limit)
            self.log = RequestLog(self.options.request_log_limit)
            self.started_at = self.now()

    def add_seed(self, seed: Seed) -> None:
        """Add accounts, options, limits and faults; raise SeedError and change nothing when a key is unknown."""
        unknown = sorted(seed.keys() - SEED_KEYS)
        if unknown:
            raise SeedError(f"The seed has the unknown key {unknown[0]}; known are {', '.join(sorted(SEED_KEYS))}.")
        with self.lock:
            self.registry.add(seed)
            self._set_options(seed.get("options", {}))
            self.audiences.add(rows(seed, "audiences"), self.now())
            for rule in rows(seed, "limits"):
                self.limits.add(rule)
            for rule in rows(seed, "faults"):
                self.faults.add(rule)

    def _set_options(self, options: dict[str, Any]) -> None:
        known = {field.name: type(field.default) for field in fields(Options)}
        for name, value in options.items():
            if known.get(name) is float and type(value) is int:
                value = float(value)  # noqa: PLW2901 - JSON does not tell 1 from 1.0
            if type(value) is not known.get(name):
                raise SeedError(f"The option {name} is unknown or not of the right type; known are {', '.join(known)}.")
            setattr(self.options, name, value)
        if "level" in options:
            self.limits.set_level(self.options.level)
        if options.keys() & {"full_event_limit", "request_log_limit"}:
            self.clear_events()

    def now(self) -> float:
        """Give the emulated time, epoch seconds."""
        return self._clock() + self._shift

    def advance(self, seconds: float) -> None:
        """Let time pass at once: for de-duplication windows, auth codes, rate windows."""
        self._shift += seconds

    @property
    def audience_rules(self) -> AudienceRules:
        """Give the options that audiences obey."""
        options = self.options
        return AudienceRules(
            options.audience_limit,
            options.audience_floor,
            options.audience_match_rate,
            options.audience_processing_seconds,
            options.audience_size_seconds,
        )

    def request_id(self) -> str:
        """Make a request id of TikTok's shape: UTC time, then 20 hex digits."""
        with self.lock:
            self._serial += 1
            serial = self._serial
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(self.now()))
        return f"{stamp}{secrets.token_hex(6).upper()}{serial & 0xFFFFFFFF:08X}"

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up when the server stops."""
        if seconds > 0:
            self.stopping.wait(seconds)
