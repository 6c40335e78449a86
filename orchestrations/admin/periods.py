"""The last days by the clock of a tenant, and what its runs did on each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, IntegerField, QuerySet, Sum, Value, When
from django.db.models.functions import TruncHour
from django.utils import timezone

from orchestrations.admin.charts import Chart, Series, bars
from orchestrations.choices import RunPurpose
from orchestrations.models import Run
from tiktok_hub.tenancy.models import Tenant

TICKS = 10
HOURS = 24
OUTCOMES = (
    ("accepted", "Accepted events and people", "good"),
    ("rejected", "Rejected rows", "bad"),
    ("refused", "Refused by TikTok", "warn"),
    ("unknown", "Unknown", "idle"),
)
"""What a day's bar is made of: the run's count, its name, its tone."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days by the clock of a time zone, oldest first; the last one is today."""

    days: list[date]
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """Return the moment at which the first day began, in UTC."""
        return self.began(self.days[0])

    def began(self, day: date) -> datetime:
        """Return the moment at which a day began, in UTC."""
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)

    @property
    def place(self) -> Case:
        """Return the place of a run's day among the days, for the database.

        Comparing moments is several times as fast there as asking each row for its date in a time zone.
        """
        newest = reversed(list(enumerate(self.days)))
        return Case(
            *(When(created_at__gte=self.began(day), then=Value(place)) for place, day in newest),
            output_field=IntegerField(),
        )


def period_of(tenant: Tenant, days: int, now: datetime | None = None) -> Period:
    """Return the last so many days of a tenant; one day is today."""
    zone = ZoneInfo(tenant.time_zone)
    today = (now or timezone.now()).astimezone(zone).date()
    return Period([today - timedelta(days=back) for back in range(days - 1, -1, -1)], zone)


def sent_in(runs: QuerySet[Run], period: Period) -> QuerySet[Run]:
    """Return those runs that were there to send, samples too, and were started in the period."""
    return runs.filter(created_at__gte=period.start, purpose=RunPurpose.DELIVER)


def by_day(runs: QuerySet[Run], period: Period, names: Sequence[str]) -> dict[date, dict[str, int]]:
    """Return sums of some counts of the runs by the day on which they were started; days without runs are left out."""
    sums = {f"sum_{name}": Sum(name) for name in names}
    rows: Any = sent_in(runs, period).order_by().annotate(place=period.place).values("place").annotate(**sums)
    return {period.days[row["place"]]: {name: row[f"sum_{name}"] or 0 for name in names} for row in rows}


def days_chart(runs: QuerySet[Run], period: Period) -> Chart | None:
    """Return what became of things per day, on top of each other; None without any run.

    What is accepted are events and entries of audiences (a person to add or remove); plans count nowhere.
    """
    found = by_day(runs, period, [name for name, _, _ in OUTCOMES])
    if not found:
        return None
    series = [
        Series(label, tone, [found.get(day, {}).get(name, 0) for day in period.days]) for name, label, tone in OUTCOMES
    ]
    labels = [f"{day:%b} {day.day}" for day in period.days]
    return bars("What became of events, people and rows per day", "Day", labels, series, ticks=TICKS)


def hours_chart(runs: QuerySet[Run], tenant: Tenant, now: datetime | None = None) -> Chart | None:
    """Return what became of things in each of the last 24 hours, by the clock of the tenant; None without any run."""
    zone = ZoneInfo(tenant.time_zone)
    this = (now or timezone.now()).replace(minute=0, second=0, microsecond=0)
    hours = [this - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    sums = {f"sum_{name}": Sum(name) for name, _, _ in OUTCOMES}
    recent: Any = runs.filter(created_at__gte=hours[0], purpose=RunPurpose.DELIVER).order_by()
    found = {row.pop("hour"): row for row in recent.values(hour=TruncHour("created_at", tzinfo=UTC)).annotate(**sums)}
    if not found:
        return None
    series = [
        Series(label, tone, [found.get(hour, {}).get(f"sum_{name}") or 0 for hour in hours])
        for name, label, tone in OUTCOMES
    ]
    labels = [f"{hour.astimezone(zone):%H:%M}" for hour in hours]
    return bars("What became of events and items in each hour", "Hour from", labels, series, ticks=TICKS)
