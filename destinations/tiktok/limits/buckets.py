"""Hold TikTok's published rate limits as data, and name the buckets that a call draws on.

Source: portal/docs/rate-limits/v1.3. TikTok counts per developer app and endpoint, over all tenants; besides, one pixel
(40132) and one ad account (40133) may be held back on their own. Per-minute limits are 60 × the per-second ones, or
more.
"""

from dataclasses import dataclass

#: Requests per second of one app on one endpoint, by the level that TikTok gave the app.
LEVEL_QPS: dict[str, float] = {"basic": 10, "advanced": 20, "premium": 30, "ultimate": 50}

#: Endpoints with a limit of their own, equal at every level.
ENDPOINT_QPS: dict[str, float] = {"event/track": 1000}

#: Requests per second of one app on each of /segment/*. TikTok's table says a thousand times the level, others say 50:
#: the unit is not known, so this is what is safe at every level (assumed).
SEGMENT_QPS = 10.0

#: Share of the rate kept free, for requests that the network pushes together on their way to TikTok.
HEADROOM = 0.01


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit: at most `rate` requests in any second, counted under `key`.

    `burst` is how many requests may go at once beyond the one that is due (default 2 % of the rate). Bursts are paid
    for: the steady pace is lowered by them, so that no window of one second ever holds more than `rate`. `scope` says
    whose limit it is (app, event_source, advertiser), which is how a throttling answer finds the bucket to pause.
    """

    key: str
    rate: float
    burst: float | None = None
    scope: str = "app"

    @property
    def spare(self) -> float:
        """Return the requests allowed at once beyond the one that is due."""
        return min(self.rate / 50 if self.burst is None else max(self.burst, 0.0), self.rate / 2)

    @property
    def capacity(self) -> float:
        """Return the most tokens held: the request that is due and the spare ones."""
        return 1.0 + self.spare

    @property
    def pace(self) -> float:
        """Return the tokens gained per second, such that capacity + pace ≤ rate + 1 - headroom.

        A window of one second holds at most ⌊capacity + pace⌋ requests, which is ≤ rate for every whole rate.
        """
        return self.rate * (1 - HEADROOM) - self.spare

    @property
    def lead(self) -> float:
        """Return by how many requests one share may be ahead of another that waits."""
        return max(1.0, self.rate / 50)


def _endpoint(path: str) -> str:
    return path.strip("/")


def endpoint_bucket(app_id: str, path: str, level: str = "basic") -> Bucket:
    """Return the bucket of one app on one endpoint; an unknown level is a `KeyError`."""
    endpoint = _endpoint(path)
    return Bucket(f"app:{app_id}:{endpoint}", ENDPOINT_QPS.get(endpoint, LEVEL_QPS[level]))


def track_buckets(
    app_id: str, event_source_id: str, advertiser_id: str = "", *, rate: float = ENDPOINT_QPS["event/track"]
) -> tuple[Bucket, ...]:
    """Return the buckets of one request to /event/track/: the app on this endpoint, the pixel or event set, the ad
    account.

    The limits of one pixel and one ad account are not published; they get the app's rate, and exist so that a
    throttling answer for one of them pauses it alone. A pasted token does not tell its app (`app_id` empty): its event
    source stands for it.
    """
    app = (Bucket(f"app:{app_id}:event/track", rate),) if app_id else ()
    source = (Bucket(f"source:{event_source_id}", rate, scope="event_source"),)
    advertiser = (Bucket(f"advertiser:{advertiser_id}:event/track", rate, scope="advertiser"),) if advertiser_id else ()
    return app + source + advertiser


def audience_buckets(app_id: str, path: str, advertiser_id: str, level: str = "basic") -> tuple[Bucket, ...]:
    """Return the buckets of one request about audiences: the app on this endpoint, and the ad account on it (40133).

    The limit of one ad account is not published; it gets the app's rate, and stands for the app of a pasted token.
    """
    endpoint = _endpoint(path)
    rate = SEGMENT_QPS if endpoint.startswith("segment/") else LEVEL_QPS[level]
    app = (Bucket(f"app:{app_id}:{endpoint}", rate),) if app_id else ()
    return (*app, Bucket(f"advertiser:{advertiser_id}:{endpoint}", rate, scope="advertiser"))
