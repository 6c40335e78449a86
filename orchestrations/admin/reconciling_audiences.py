"""The audiences of the reconciliation page: people told, size at TikTok a day or two later, and how the two compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

from destinations.tiktok.audience_calls import FEWEST_MEMBERS
from orchestrations.admin.audience_words import settling, standing
from orchestrations.admin.audiences import audiences_visible_to
from orchestrations.admin.base import member
from orchestrations.admin.periods import Period
from orchestrations.admin.run_people import audience_url
from orchestrations.models import Audience, AudienceReading, Orchestration

MOST = 50
POINTS = 30
WIDTH, HEIGHT = 120.0, 24.0
SOON = timedelta(days=30)
COLUMNS = (
    "audience", "advertiser_id", "audience_id", "status", "people_told", "size_at_tiktok", "match_rate_percent",
    "read_at", "missing_to_1000", "expires_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AudienceLine:
    """An audience: people told against members matched; `rate` in percent, `missing` to what an ad group needs.

    `trend` are the points of a line through the sizes that were read, as an SVG polyline takes them.
    """

    audience: Audience
    url: str
    rate: float | None
    missing: int
    settling: bool
    expiring: bool
    sentence: str
    trend: str


def audiences_lines(request: HttpRequest, period: Period, chosen: Orchestration | None) -> list[AudienceLine]:
    """Return the audiences that this person may see, of one orchestration or all, at most 50."""
    if not request.user.has_perm("orchestrations.view_audience"):
        return []
    visible = audiences_visible_to(member(request)).order_by("name", "pk")
    if chosen is not None:
        visible = visible.filter(runs__run__orchestration=chosen).distinct()
    audiences = list(visible[:MOST])
    sizes = sizes_of(audiences, period)
    now = timezone.now()
    return [_line(each, request, sizes.get(each.pk, []), now) for each in audiences]


def _line(audience: Audience, request: HttpRequest, sizes: Sequence[int], now: datetime) -> AudienceLine:
    known = audience.size is not None and audience.people > 0
    return AudienceLine(
        audience=audience, url=audience_url(audience, request),
        rate=100 * (audience.size or 0) / audience.people if known else None,
        missing=max(FEWEST_MEMBERS - audience.size, 0) if audience.size is not None else 0,
        settling=settling(audience, now),
        expiring=audience.expires_at is not None and audience.expires_at < now + SOON,
        sentence=standing(audience).title, trend=polyline(sizes),
    )  # fmt: skip


def sizes_of(audiences: Sequence[Audience], period: Period) -> dict[int, list[int]]:
    """Return the last sizes that were read of each audience in the period, oldest first."""
    readings = AudienceReading.objects.filter(audience__in=audiences, read_at__gte=period.start, size__isnull=False)
    found: dict[int, list[int]] = {}
    for audience, size in readings.order_by("read_at").values_list("audience_id", "size"):
        found.setdefault(audience, []).append(size or 0)
    return {audience: sizes[-POINTS:] for audience, sizes in found.items()}


def polyline(sizes: Sequence[int]) -> str:
    """Return points from left to right, the largest on top; nothing for less than two."""
    if len(sizes) < 2:  # noqa: PLR2004 - one point is no line
        return ""
    most, step = max(sizes) or 1, WIDTH / (len(sizes) - 1)
    pairs = ((index * step, HEIGHT - 1 - (HEIGHT - 2) * size / most) for index, size in enumerate(sizes))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def audience_rows(lines: Sequence[AudienceLine]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return a header and a row for each audience, for a file."""
    return COLUMNS, [
        (
            each.audience.name, each.audience.advertiser_id, each.audience.audience_id, each.audience.status,
            each.audience.people, each.audience.size, None if each.rate is None else round(each.rate, 1),
            each.audience.read_at and each.audience.read_at.isoformat(), each.missing,
            each.audience.expires_at and each.audience.expires_at.isoformat(),
        )
        for each in lines
    ]  # fmt: skip
