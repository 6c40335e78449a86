"""The reconciliation page: what was selected, sent and accepted in some days, and what TikTok makes of it.

Rows: `selected = in events (or people) + rejected + duplicates`. Events, or entries for audiences: `events = accepted
+ refused + unknown + not sent`. Runs that ended before all rows were prepared have no such sums and are counted apart;
plans send nothing and are left out, samples are in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import reverse

from destinations import specs
from destinations.models import destinations_usable_by
from orchestrations.admin.base import member
from orchestrations.admin.charts import SparkBar, sparkline
from orchestrations.admin.periods import Period, days_chart, period_of, sent_in
from orchestrations.admin.progress import Reason, reasons, sum_of
from orchestrations.admin.progress import Sum as Whole
from orchestrations.admin.reconciling_audiences import audience_rows, audiences_lines
from orchestrations.choices import RunStatus
from orchestrations.models import Orchestration, Run
from orchestrations.runs.downloads import reconciliation_response

PERIODS = (7, 30, 90)
DAYS = 30
TREND = 12
LAST_RUNS = 50
EXPLAINED = 200
TOP_REASONS = 6
PK_DIGITS = 18
ROWS = ("selected", "rejected", "duplicates", "in_events")
EVENTS = ("events", "accepted", "refused", "unknown")
AUDIENCES = "audiences"
RUN_COLUMNS = (
    "run", "orchestration", "destination", "plugin", "started", "status", "sample", *ROWS, *EVENTS, "unsent", "adds_up",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """The sums of some runs: of an orchestration, or of everything; `trend` has its last runs."""

    name: str
    url: str
    runs: int
    counts: dict[str, int]
    trend: list[SparkBar]

    @property
    def valid(self) -> int:
        """Return the rows that were not rejected."""
        return self.counts["selected"] - self.counts["rejected"]

    @property
    def unsent(self) -> int:
        """Return how many events or entries have no verdict."""
        return self.counts["events"] - self.sent

    @property
    def sent(self) -> int:
        """Return how many events or entries have one."""
        return sum(self.counts[name] for name in EVENTS[1:])

    @property
    def share(self) -> float | None:
        """Return the percentage of the events or entries that TikTok has accepted; None without any."""
        return 100 * self.counts["accepted"] / self.counts["events"] if self.counts["events"] else None

    @property
    def adds_up(self) -> bool:
        """Say whether the parts make the wholes."""
        rows = sum(self.counts[name] for name in ROWS[1:])
        return self.counts["selected"] == rows and self.unsent >= 0


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of one kind, their total, and the total's sums; `unit` is what requests are made of."""

    title: str
    unit: str
    lines: list[Line]
    total: Line
    sums: list[Whole]


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see: the days, and the one orchestration of those open to them, or None for all."""

    period: Period
    orchestrations: QuerySet[Orchestration]
    chosen: Orchestration | None

    @property
    def runs(self) -> QuerySet[Run]:
        """Return the runs that were there to send."""
        wanted = Q(orchestration=self.chosen) if self.chosen else Q(orchestration__in=self.orchestrations)
        return sent_in(Run.objects.filter(wanted), self.period)


def asked(request: HttpRequest) -> Asked:
    """Read what somebody wants to see; what makes no sense is as if it were not said."""
    typed, pk = request.GET.get("days", ""), request.GET.get("orchestration", "")
    days = int(typed) if typed in map(str, PERIODS) else DAYS
    mine = Orchestration.objects.filter(destination__in=destinations_usable_by(member(request)))
    chosen = mine.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) <= PK_DIGITS else None
    return Asked(period_of(member(request).tenant, days), mine.order_by("name"), chosen)


def reconciliation_context(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows to this person."""
    wish = asked(request)
    runs = wish.runs
    prepared = runs.filter(prepared_at__isnull=False)
    parts = [part for part in parts_of(prepared) if part.lines]
    return {
        "days": len(wish.period.days), "periods": PERIODS, "chosen": wish.chosen,
        "orchestrations": list(wish.orchestrations),
        "parts": parts, "left_out": runs.filter(prepared_at__isnull=True).count(),
        "chart": days_chart(runs, wish.period), "rejects": rejected_why(prepared),
        "runs": as_links(prepared.order_by("-created_at")[:LAST_RUNS]) if wish.chosen else [],
        "audiences": audiences_lines(request, wish.period, wish.chosen),
        "streams": wish.chosen is None and runs.filter(orchestration__query=None).exists(),
        "can_download": request.user.has_perm("orchestrations.download_run"),
        "query": f"days={len(wish.period.days)}" + (f"&orchestration={wish.chosen.pk}" if wish.chosen else ""),
    }  # fmt: skip


def parts_of(prepared: QuerySet[Run]) -> list[Part]:
    """Return the sums of the runs: of those that send events, and of those for audiences."""
    keeping = [spec.key for spec in specs.all() if spec.keeps_audience]
    names = {name: Sum(name) for name in (*ROWS, *EVENTS)}
    keys = ("orchestration", "orchestration__name", "orchestration__destination__plugin", "orchestration__stream")
    found: Any = prepared.order_by("orchestration__name").values(*keys).annotate(number=Count("pk"), **names)
    trends = trends_of(prepared)
    lines: dict[bool, list[Line]] = {False: [], True: []}
    for row in found:
        counts = {name: row[name] or 0 for name in names}
        page, pk = ("stream", row[keys[3]]) if row[keys[3]] else ("orchestration", row[keys[0]])
        url = reverse(f"admin:orchestrations_{page}_detail", args=[pk])
        line = Line(row[keys[1]], url, row["number"], counts, sparkline(trends.get(row[keys[0]], [])))
        lines[row[keys[2]] in keeping].append(line)
    return [_part("Events", "events", lines[False]), _part("Audiences", "entries", lines[True])]


def _part(title: str, unit: str, lines: list[Line]) -> Part:
    counts: Counter[str] = Counter(dict.fromkeys((*ROWS, *EVENTS), 0))
    for line in lines:
        counts.update(line.counts)
    total = Line("All", "", sum(line.runs for line in lines), dict(counts), [])
    made = "in events" if unit == "events" else "in people"
    rows = [
        (counts["in_events"], made, "good"),
        (counts["rejected"], "rejected", "bad"),
        (counts["duplicates"], "duplicates", "warn"),
    ]
    verdicts = [
        (counts["accepted"], "accepted", "good"), (counts["refused"], "refused", "bad"),
        (counts["unknown"], "unknown", "warn"), (total.unsent, "not sent", "idle"),
    ]  # fmt: skip
    sums = [sum_of(counts["selected"], "rows selected", rows), sum_of(counts["events"], unit, verdicts)]
    return Part(title, unit, lines, total, sums)


def trends_of(runs: QuerySet[Run]) -> dict[int, list[Run]]:
    """Return the last runs of each orchestration, the newest first."""
    rank = Window(RowNumber(), partition_by=F("orchestration"), order_by=F("created_at").desc())
    last = runs.order_by("-created_at").only("status", "accepted", "orchestration_id", "created_at")
    found: dict[int, list[Run]] = {}
    for run in last.annotate(rank=rank).filter(rank__lte=TREND):
        found.setdefault(run.orchestration_id, []).append(run)
    return found


def rejected_why(prepared: QuerySet[Run]) -> list[Reason]:
    """Return the most frequent reasons why rows were rejected, over the last runs that rejected any."""
    counts: Counter[str] = Counter()
    last = prepared.filter(rejected__gt=0).order_by("-created_at")
    for found in last.values_list("rejected_by_reason", flat=True)[:EXPLAINED]:
        counts.update(found)
    return reasons(dict(counts.most_common(TOP_REASONS)))


def as_line(run: Run, url: str = "") -> Line:
    """Return one run as a line, with the address that it leads to."""
    counts = {name: getattr(run, name) or 0 for name in (*ROWS, *EVENTS)}
    sample = f", sample of {run.sample}" if run.sample else ""
    return Line(f"Run {run.pk}, {run.created_at:%-d %b %Y}{sample}", url, 1, counts, [])


def as_links(runs: Iterable[Run]) -> list[Line]:
    """Return runs as lines that lead to their pages."""
    return [as_line(run, reverse("admin:orchestrations_run_change", args=[run.pk])) for run in runs]


def reconciliation_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Return the runs of the chosen days as CSV, or the audiences as they stand now.

    The many runs of streams are among them where they are asked for, or one's orchestration is chosen.
    """
    wish, tenant = asked(request), member(request).tenant
    if request.GET.get("what") == AUDIENCES:
        header, lines = audience_rows(audiences_lines(request, wish.period, wish.chosen))
        return reconciliation_response(tenant, AUDIENCES, header, lambda: lines)
    rows = wish.runs.order_by("pk").select_related("orchestration__destination")
    if wish.chosen is None and request.GET.get("streams") != "1":
        rows = rows.filter(orchestration__query__isnull=False)
    return reconciliation_response(tenant, "runs", RUN_COLUMNS, lambda: run_rows(rows))


def run_rows(runs: Iterable[Run]) -> Iterator[tuple[object, ...]]:
    """Yield a row for each run; one that ended before all rows were prepared has nothing that could add up."""
    found = runs.defer("inputs").iterator(chunk_size=500) if isinstance(runs, QuerySet) else iter(runs)
    for run in found:
        line = as_line(run)
        destination = run.orchestration.destination
        yield (
            run.pk, run.orchestration.name, destination.name, destination.plugin, run.created_at.isoformat(),
            RunStatus(run.status).value, run.sample, *(line.counts[name] for name in (*ROWS, *EVENTS)), line.unsent,
            ("yes" if line.adds_up else "no") if run.prepared_at else "not prepared",
        )  # fmt: skip
