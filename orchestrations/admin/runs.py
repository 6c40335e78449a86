"""Runs: the list, and the page of one run with live progress, rejects, batches and what to do about an error."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import RelatedOnlyFieldListFilter, SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern

from destinations.models import destinations_usable_by
from orchestrations.access import PLAN, RUN
from orchestrations.admin.base import attempt, back, member
from orchestrations.admin.charts import throughput_chart
from orchestrations.admin.mapping import settings_shown
from orchestrations.admin.periods import period_of
from orchestrations.admin.progress import (
    events_sum,
    keeps_audience,
    reasons,
    rows_sum,
    run_funnel,
    run_progress,
    run_said,
    run_steps,
    unit_of,
    waits_for_release,
)
from orchestrations.admin.reconciliation import reconciliation_context, reconciliation_csv
from orchestrations.admin.run_people import people_shown
from orchestrations.admin.run_plans import RELEASE, hold_shown, plan_shown
from orchestrations.admin.run_replays import ReplayPages, replay_shown
from orchestrations.admin.troubles import run_trouble
from orchestrations.choices import COLOURS, SYNC_MODES, UNFINISHED_RUNS, BatchStatus, RunPurpose, RunStatus, RunTrigger
from orchestrations.models import Batch, Run, RunAudience
from orchestrations.replays.choosing import batches_again
from orchestrations.retention.told import gone_sentences
from orchestrations.runs.downloads import run_issues_response
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_cancel, run_release, run_start
from orchestrations.runs.skipping import can_be_skipped, run_skip
from orchestrations.streams.returning import gives_back
from orchestrations.templatetags.orchestration_tags import count, duration
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.policies import is_admin

BATCHES_PER_PAGE = 25
VIEW, CHANGE, DOWNLOAD = "orchestrations.view_run", "orchestrations.change_run", "orchestrations.download_run"
WHEN = {"today": ("Today", 1), "week": ("The last 7 days", 7), "month": ("The last 30 days", 30)}
KINDS = {
    "plan": "primary",
    "replay": "primary",
    "sample": "info",
}  # colours of the labels of special runs


class WhenFilter(SimpleListFilter):
    """Runs that were started today, or in the last days, by the clock of the tenant."""

    title, parameter_name = "started", "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(word, label) for word, (label, _) in WHEN.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        """Keep the runs of the chosen days."""
        _, days = WHEN.get(self.value() or "", ("", 0))
        return queryset.filter(created_at__gte=period_of(member(request).tenant, days).start) if days else queryset


class StreamsFilter(SimpleListFilter):
    """Runs of streams: there are many of them, so that they are left out until somebody wants them, or one's alone."""

    title, parameter_name = "streams", "streams"
    words: ClassVar = {None: "Without streams", "1": "With streams", "only": "Streams only"}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices beside the usual one."""
        self.chosen = any(name.startswith("orchestration__") for name in request.GET)
        return [(word, label) for word, label in self.words.items() if word]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Name the usual choice."""
        usual, *others = super().choices(changelist)
        yield {**usual, "display": self.words[None]}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        """Keep the chosen runs."""
        if self.value() == "only":
            return queryset.filter(orchestration__query=None)
        wanted = self.value() == "1" or self.chosen
        return queryset if wanted else queryset.filter(orchestration__query__isnull=False)


@admin.register(Run, site=tenant_site)
class RunAdmin(ReplayPages):
    """What became of the orchestrations; runs are started, never typed in or deleted."""

    list_display = (
        *("state", "of", "kind", "who"),
        *("selected_rows", "accepted_events", "rejected_rows"),
        *("took", "started"),
    )
    list_display_links = ("state", "of")
    list_filter = (WhenFilter, "status", "purpose", StreamsFilter, ("orchestration", RelatedOnlyFieldListFilter))
    list_per_page = 50
    search_fields = ("orchestration__name",)
    search_help_text = "Name of the orchestration"
    empty_title = "Nothing has run yet"
    empty_text = "Open an orchestration and send a sample of ten rows first; what becomes of them is shown here."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Return the runs whose destination is open to this person."""
        runs = (
            super().get_queryset(request).filter(orchestration__destination__in=destinations_usable_by(member(request)))
        )
        related = (
            *("tenant", "orchestration__query", "orchestration__destination"),
            *("started_by", "released_by", "skipped_by", "group_run__group", "after__orchestration"),
        )
        return runs.select_related(*related)

    @shown("Status", ordering="status", label=COLOURS)
    def state(self, run: Run) -> tuple[str, str]:
        """Return the status with its label."""
        return run.status, run.get_status_display()

    @shown("Orchestration", ordering="orchestration__name")
    def of(self, run: Run) -> str:
        """Name the orchestration."""
        return str(run.orchestration)

    @shown("Kind", ordering="purpose", label=KINDS)
    def kind(self, run: Run) -> tuple[str, str] | str:
        """Tell plans, replays and samples from the others."""
        if run.purpose == RunPurpose.PLAN:
            return "plan", "Plan"
        if run.replay_rows:
            return "replay", f"Replay of {run.inputs.get('replay_of')}"
        return ("sample", f"Sample of {run.sample}") if run.sample else ""

    @shown("Started by")
    def who(self, run: Run) -> str:
        """Name the person or the thing that started the run."""
        return run.starter

    @shown("Selected", ordering="selected")
    def selected_rows(self, run: Run) -> str:
        """Return how many rows the query gave."""
        return count(run.selected)

    @shown("Accepted", ordering="accepted")
    def accepted_events(self, run: Run) -> str:
        """Return how many events, or entries for audiences, TikTok has accepted."""
        return count(run.accepted)

    @shown("Rejected", ordering="rejected")
    def rejected_rows(self, run: Run) -> str:
        """Return how many rows were not sent."""
        return count(run.rejected)

    @shown("Started", ordering="created_at")
    def started(self, run: Run) -> Any:
        """Return when the run was asked for."""
        return run.created_at

    @shown("Duration")
    def took(self, run: Run) -> str:
        """Return how long the run took."""
        return duration(run.seconds)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Runs are started on their orchestration's page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        """Nobody edits what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        """Nobody deletes what happened."""
        return False

    def page_urls(self) -> list[URLPattern]:
        """Return the fragments, the download and the buttons of the run page."""
        return [
            self.address("reconciliation/", self.reconciliation, "reconciliation"),
            self.address("reconciliation.csv", self.reconciliation_file, "reconciliation_csv"),
            self.object_page("live/", self.live, name="live", permission=VIEW),
            self.object_page("throughput/", self.throughput, name="throughput", permission=VIEW),
            self.object_page("batches/", self.batches, name="batches", permission=VIEW),
            self.object_page("issues.csv", self.issues, name="issues", permission=DOWNLOAD),
            self.object_page("release/", self.release, name="release", permission=RELEASE, method="POST"),
            self.object_page("start/", self.start, name="start", permission=RUN, method="POST"),
            self.object_page("cancel/", self.cancel, name="cancel", permission=CHANGE, method="POST"),
            self.object_page("retry/", self.retry, name="retry", permission=RUN, method="POST"),
            self.object_page("restart/", self.restart, name="restart", permission=PLAN, method="POST"),
            self.object_page("skip/", self.skip, name="skip", permission=RUN, method="POST"),
            *self.replay_urls(),
        ]

    def reconciliation(self, request: HttpRequest) -> HttpResponse:
        """Show what was selected, sent and accepted in some days, and what TikTok makes of it."""
        if not request.user.has_perm(VIEW):
            raise PermissionDenied
        context = reconciliation_context(request)
        return self.page(
            request, "orchestrations/reconciliation/page.html", title="Reconciliation", **{"opts": None, **context}
        )

    def reconciliation_file(self, request: HttpRequest) -> HttpResponseBase:
        """Stream the same numbers run by run, or audience by audience, as CSV."""
        if not request.user.has_perm(DOWNLOAD):
            raise PermissionDenied
        return reconciliation_csv(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the run."""
        run = self.object_or_404(request, object_id)
        context = self.live_context(request, run) | self.batch_context(request, run) | self.throughput_context(run)
        context["sync_mode"] = SYNC_MODES[run.inputs["sync_mode"]] if keeps_audience(run) else ""
        context["settings"] = settings_shown(run.orchestration.destination.spec, run.inputs.get("settings", {}))
        return self.page(request, "orchestrations/run/page.html", title=str(run), original=run, **context)

    def live(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Return the part of the page that moves; without polling once the run is finished."""
        response = render(request, "orchestrations/run/live.html", self.live_context(request, run))
        if run.is_finished:
            response["HX-Trigger"] = "run-finished"
        return response

    def live_context(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        """Return what the moving part shows."""
        return {
            "run": run,
            "planned": run.purpose == RunPurpose.PLAN,
            "unit": unit_of(run),
            "keeps_audience": keeps_audience(run),
            "every": "5s" if run.status == RunStatus.HELD else "1s",
            "steps": run_steps(run),
            "progress": run_progress(run),
            "said": run_said(run),
            "rows": rows_sum(run),
            "events": events_sum(run),
            "funnel": run_funnel(run),
            "people": people_shown(run, request),
            "plan": plan_shown(run),
            "hold": hold_shown(run, request),
            "rejects": reasons(run.rejected_by_reason),
            "warned": reasons(run.warnings_by_reason),
            "trouble": run_trouble(run, request),
            "restricted": member(request).restrict_pii,
            "gone": gone_sentences(run),
            "can_download": request.user.has_perm(DOWNLOAD) and run.prepared_at and not run.rejects_deleted_at,
            "has_issues": bool(run.rejected or run.warnings or run.duplicates or run.refused or run.unknown),
            **self.buttons(request, run),
            **replay_shown(request, run),
        }

    def buttons(self, request: HttpRequest, run: Run) -> dict[str, bool]:
        """Return which buttons make sense for this person; what nobody released is not retried, but started anew."""
        operates, plans = request.user.has_perm(RUN), request.user.has_perm(PLAN)
        ended_early = run.status in (RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.SUCCEEDED_WITH_ERRORS)
        there = run.spool_deleted_at is None
        again = (run.prepared_at is None or batches_again(run).exists()) and not gives_back(run)
        retried = run.purpose == RunPurpose.DELIVER and bool(run.inputs) and not waits_for_release(run)
        return {
            "can_cancel": request.user.has_perm(CHANGE) and run.status in UNFINISHED_RUNS and not run.cancel_requested,
            "can_retry": operates and run.is_finished and ended_early and retried and again and there,
            "can_skip": can_be_skipped(run) and request.user.has_perm(RELEASE if run.status == RunStatus.HELD else RUN),
            "can_restart": (plans if run.purpose == RunPurpose.PLAN else operates)
            and run.is_finished
            and not run.stream_id,
        }

    def throughput(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Return the picture of how fast it goes: it moves more slowly than the numbers."""
        return render(request, "orchestrations/run/throughput.html", self.throughput_context(run))

    def throughput_context(self, run: Run) -> dict[str, Any]:
        """Return what that picture shows: nothing until something was sent."""
        return {"run": run, "throughput": throughput_chart(run, unit_of(run)) if run.attempts else None}

    def batches(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Return one page of the list of batches."""
        return render(request, "orchestrations/run/batches.html", self.batch_context(request, run))

    def batch_context(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        """Return one page of batches, perhaps of one status only; TikTok's own words for administrators only."""
        status = request.GET.get("status", "")
        batches = Batch.objects.filter(run=run).select_related("target__audience")
        present = set(batches.order_by().values_list("status", flat=True).distinct())
        if status in BatchStatus.values:
            batches = batches.filter(status=status)
        columns = ("open_ranges", "refused_positions", "halves")
        return {
            "run": run,
            "page_obj": Paginator(batches.defer(*columns), BATCHES_PER_PAGE).get_page(request.GET.get("page")),
            "statuses": [(value, label) for value, label in BatchStatus.choices if value in present],
            "status": status,
            "unit": unit_of(run),
            "keeps_audience": keeps_audience(run),
            "several": keeps_audience(run) and RunAudience.objects.filter(run=run).count() > 1,
            "every": "5s" if run.status == RunStatus.HELD else "3s",
            "raw": is_admin(member(request)),
        }

    def issues(self, request: HttpRequest, run: Run) -> HttpResponseBase:
        """Stream what was rejected, warned about or left out as CSV; values in it are masked for everybody."""
        levels, hidden = request.GET.getlist("level"), member(request).restrict_pii
        answer = attempt(request, lambda: run_issues_response(run, levels, hidden=hidden))
        return answer or back(self.url("change", run))

    def cancel(self, request: HttpRequest, run: Run) -> HttpResponse:
        """End the run."""
        attempt(request, lambda: run_cancel(run=run))
        return back(self.url("change", run))

    def retry(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Go on with the same inputs."""
        attempt(request, lambda: run_retry(run=run, membership=member(request)))
        return back(self.url("change", run))

    def release(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Let a held run do what it has planned."""
        if attempt(request, lambda: run_release(run=run, membership=member(request))):
            messages.success(request, f"Run {run.pk} is released and goes on.")
        return back(self.url("change", run))

    def skip(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Leave it as it is."""
        if attempt(request, lambda: run_skip(run=run, membership=member(request))):
            messages.success(request, f"Run {run.pk} is left as it is.")
        return back(self.url("change", run))

    def restart(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Start a new run with the present configuration, or plan anew."""
        return self.another(request, run, RunPurpose(run.purpose))

    def start(self, request: HttpRequest, run: Run) -> HttpResponse:
        """Do what was planned: start a run that sends."""
        return self.another(request, run, RunPurpose.DELIVER)

    def another(self, request: HttpRequest, run: Run, purpose: RunPurpose) -> HttpResponse:
        """Start one more run of the same orchestration and show it, or say why it cannot be."""
        started = attempt(
            request,
            lambda: run_start(
                orchestration=run.orchestration, membership=member(request), trigger=RunTrigger.MANUAL,
                sample=run.sample, purpose=purpose,
            ),
        )  # fmt: skip
        return back(self.url("change", started or run))
