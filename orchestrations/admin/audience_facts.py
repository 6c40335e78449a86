"""What the audience page shows, worked out from an audience: ids told, members matched, the curve, who keeps it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from destinations.preparation.contract import ID_TYPES
from destinations.tiktok.audience_calls import FEWEST_MEMBERS, MOST_AUDIENCES
from orchestrations.admin.charts import Chart, Series, bars, lines
from orchestrations.audiences.targets import audience_keys
from orchestrations.choices import UNFINISHED_RUNS, RunPurpose, RunStatus
from orchestrations.models import Audience, AudienceReading, Orchestration, Run, RunAudience

FULL = 100
TICKS = 10
SLOTS = 60
SENT = (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS)
READINGS = 1000
SHORT = timedelta(days=4)
LABELS = {"EMAIL": "e-mail addresses", "PHONE": "phone numbers", "IDFA": "IDFA (iOS)", "AAID": "AAID (Android)"}


@dataclass(frozen=True, slots=True)
class Told:
    """How many ids of a type TikTok was told, and the share of the most frequent type."""

    label: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class Matched:
    """What TikTok made of the people: members, the share of the people told, the way to the floor of 1,000."""

    size: int | None
    share: float | None
    to_floor: float
    missing: int


@dataclass(frozen=True, slots=True)
class Keeper:
    """An orchestration that has kept an audience; `now` says whether it still does, `run` is its last one."""

    orchestration: Orchestration
    now: bool
    run: Run | None


def ids_told(audience: Audience) -> list[Told]:
    """Return the ids per type, in the order of the types."""
    counts = [(LABELS[kind], int(audience.ids[kind])) for kind in ID_TYPES if audience.ids.get(kind)]
    most = max((count for _, count in counts), default=1)
    return [Told(label, count, FULL * count / most) for label, count in counts]


def matched(audience: Audience) -> Matched:
    """Return what is known of the size at TikTok."""
    size = audience.size
    share = FULL * size / audience.people if size is not None and audience.people else None
    return Matched(size, share, min(FULL * (size or 0) / FEWEST_MEMBERS, FULL), max(FEWEST_MEMBERS - (size or 0), 0))


def running(audience: Audience) -> Run | None:
    """Return the run for this audience that is not finished."""
    targets = RunAudience.objects.filter(audience=audience, run__status__in=UNFINISHED_RUNS).select_related("run")
    target = targets.first()
    return target.run if target else None


def keepers(audience: Audience, orchestrations: QuerySet[Orchestration]) -> list[Keeper]:
    """Return which of some orchestrations keep the audience or have kept it, those that do first."""
    runs = Run.objects.filter(audiences__audience=audience, purpose=RunPurpose.DELIVER)
    last = {run.orchestration_id: run for run in runs.order_by("created_at")}
    found = [
        Keeper(each, _keeps(each, audience), last.get(each.pk))
        for each in orchestrations.select_related("destination")
        if each.destination.spec.keeps_audience
    ]
    return sorted((each for each in found if each.now or each.run), key=lambda each: not each.now)


def _keeps(orchestration: Orchestration, audience: Audience) -> bool:
    settings = orchestration.settings_merged
    mine = {"advertiser_id": audience.advertiser_id, "name": audience.name, "transport": audience.transport}
    return mine in audience_keys(settings)


def curve(audience: Audience) -> Chart | None:
    """Return people told and members matched over time, in at most 60 steps of equal length; None for one reading.

    The floor of 1,000 is drawn where it is near enough to be of interest.
    """
    newest = AudienceReading.objects.filter(audience=audience).order_by("-read_at")[:READINGS]
    readings = list(newest)[::-1]
    if len(readings) < 2:  # noqa: PLR2004 - one point is no curve
        return None
    points = _points(readings, timezone.now())
    told, size = [reading.told for _, reading in points], [reading.size for _, reading in points]
    short = points[-1][0] - points[0][0] < SHORT
    series = [Series("People told by us", "told", told), Series("Members matched at TikTok", "good", size)]
    if max([*told, *(value or 0 for value in size)]) < 10 * FEWEST_MEMBERS:
        series.append(Series("Needed by an ad group", "warn", [FEWEST_MEMBERS] * len(points), dashed=True))
    labels = [f"{at:%b} {at.day}, {at:%H:%M}" if short else f"{at:%b} {at.day}" for at, _ in points]
    words = "People told by us and members matched at TikTok over time"
    return lines(words, "When", labels, series, stepped=True, ticks=TICKS)


def facts(audience: Audience, targets: list[RunAudience]) -> list[tuple[str, str]]:
    """Return what TikTok asks of audiences, and how this one stands to it; the runs are given newest first."""
    size, ends = audience.size, audience.expires_at
    used = next((each.used_audiences for each in targets if each.used_audiences is not None), None)
    enough = "not read yet" if size is None else "reached" if size >= FEWEST_MEMBERS else "not reached yet"
    return [
        (f"An ad group needs {FEWEST_MEMBERS:,} matched members", enough),
        ("Changes show at TikTok", "10 to 48 hours after a run"),
        ("Dropped when not used for 12 months", f"on {ends:%-d %b %Y}" if ends else "no date read yet"),
        (f"Of {MOST_AUDIENCES} audiences, the ad account has", "not counted yet" if used is None else f"{used}"),
    ]


def changes(targets: list[RunAudience]) -> Chart | None:
    """Return who came and who went with each of some runs, given newest first, as bars up and down; None for none.

    A run that waits, failed or was cancelled has changed something else than it had planned, or nothing.
    """
    ran = [each for each in reversed(targets) if each.run.purpose == RunPurpose.DELIVER and each.run.status in SENT]
    if not any(each.added or each.removed for each in ran):
        return None
    series = [
        Series("People added", "good", [each.added for each in ran]),
        Series("People removed", "bad", [-each.removed for each in ran]),
    ]
    labels = [f"Run {each.run_id}" for each in ran]
    return bars("People added to and removed from the audience by its last runs", "Run", labels, series, ticks=TICKS)


def _points(readings: list[AudienceReading], now: datetime) -> list[tuple[datetime, AudienceReading]]:
    """Return the reading that held at each of some moments at equal distances."""
    start = readings[0].read_at
    slots = min(SLOTS, 4 * len(readings))
    width = max((now - start) / slots, timedelta(seconds=1))
    points, index = [], 0
    for slot in range(slots + 1):
        at = start + slot * width
        while index + 1 < len(readings) and readings[index + 1].read_at <= at:
            index += 1
        points.append((at, readings[index]))
    return points
