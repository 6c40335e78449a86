"""Orchestrations: list, form, and the page from which they are run."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, reverse

from destinations.models import destinations_usable_by
from orchestrations.access import PLAN, RUN
from orchestrations.admin.base import DetailChangeList, MemberFormAdmin, attempt, back, member
from orchestrations.admin.changes import neighbours, next_shown, schedule_changes
from orchestrations.admin.charts import sparkline
from orchestrations.admin.keeping import keeping_shown
from orchestrations.admin.mapping import Mapped, columns_map, destination_target, settings_shown
from orchestrations.admin.purposes import purpose_of, record_of
from orchestrations.choices import COLOURS, UNFINISHED_RUNS, RunPurpose, RunStatus, RunTrigger
from orchestrations.forms import OrchestrationForm, ScheduleForm
from orchestrations.models import Orchestration, Run, Schedule
from orchestrations.removing import orchestration_delete, orchestration_use
from orchestrations.runs.sending import SAMPLES, sending_refusal
from orchestrations.runs.services import run_start
from orchestrations.schedules.timetables import schedule_save, schedule_stands, schedule_switch, scheduled_change_check
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.models import Membership

LAST_RUNS = 15
PK_DIGITS = 19
WRITE = ("orchestrations.add_orchestration", "orchestrations.change_orchestration")
VIEW, CHANGE = "orchestrations.view_orchestration", WRITE[1]


@admin.register(Orchestration, site=tenant_site)
class OrchestrationAdmin(MemberFormAdmin):
    """What goes where, and the button that sends it."""

    form = OrchestrationForm
    fields = ("name", "description", "query", "destination", "enabled")
    add_form_template = change_form_template = "orchestrations/orchestration/form.html"
    list_display = ("name", "query", "destination", "is_enabled", "next_run", "last_state", "last_time")
    list_select_related = ("query", "destination", "schedule__tenant", "schedule__after")
    list_filter = ("enabled",)
    search_fields = ("name", "description", "query__name", "destination__name")
    empty_title = "No orchestration yet"
    empty_text = (
        "An orchestration sends the rows of an active query to a destination that is open to you. Create one, send a "
        "sample, then run it."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Orchestration]:
        """Return the orchestrations whose destination is open to this person, with their last run that was no plan.

        Those of streams have pages of their own.
        """
        runs = Run.objects.filter(orchestration=OuterRef("pk"), purpose=RunPurpose.DELIVER)
        last = runs.order_by("-created_at")
        return (  # type: ignore[no-any-return]
            super()
            .get_queryset(request)
            .filter(destination__in=destinations_usable_by(member(request)), query__isnull=False)
            .annotate(last_status=Subquery(last.values("status")[:1]), last_at=Subquery(last.values("created_at")[:1]))
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DetailChangeList]:
        """Lead from the list to the page."""
        return DetailChangeList

    @shown("Enabled", ordering="enabled", boolean=True)
    def is_enabled(self, orchestration: Orchestration) -> bool:
        """Say whether it may run."""
        return orchestration.enabled

    @shown("Next run", ordering="schedule__next_slot")
    def next_run(self, orchestration: Orchestration) -> str:
        """Return when it runs by itself next, by the clock of its schedule."""
        schedule: Schedule | None = getattr(orchestration, "schedule", None)
        if schedule is None or not orchestration.enabled:
            return "–"
        return next_shown(schedule)

    @shown("Last run", label=COLOURS)
    def last_state(self, orchestration: Any) -> tuple[str, str] | str:
        """Return the status of the last run."""
        status = orchestration.last_status
        return (status, str(RunStatus(status).label)) if status else ""

    @shown("When", ordering="last_at")
    def last_time(self, orchestration: Any) -> Any:
        """Return when the last run was started."""
        return orchestration.last_at

    def page_urls(self) -> list[URLPattern]:
        """Return the page, its buttons, and the fragment of the form."""
        return [
            self.list_page("settings/", self.settings_fragment, name="settings", permissions=WRITE),
            self.list_page("schedule/", self.schedule_fragment, name="schedule", permissions=WRITE),
            self.object_page("", self.detail, name="detail", permission=VIEW),
            self.object_page("run/", self.run, name="run", permission=RUN, method="POST"),
            self.object_page("plan/", self.plan, name="plan", permission=PLAN, method="POST"),
            self.object_page("switch/", self.switch, name="switch", permission=CHANGE, method="POST"),
            self.object_page("pause/", self.pause, name="pause", permission=CHANGE, method="POST"),
        ]

    def settings_fragment(self, request: HttpRequest) -> HttpResponse:
        """Return the settings of the chosen destination, and how the chosen query's columns fit; nothing is checked."""
        form_class = self.get_form(request)
        form = form_class(initial={name: value for name, value in request.POST.items() if value})
        context = {"form": form, "mapped": form_mapped(form)}
        return render(request, "orchestrations/orchestration/settings.html", context)

    def schedule_fragment(self, request: HttpRequest) -> HttpResponse:
        """Return the schedule that is being typed in words, with its next runs, or what is wrong with it."""
        pk = request.POST.get("schedule-of", "")
        known = pk.isdecimal() and len(pk) < PK_DIGITS
        found = self.get_queryset(request).filter(pk=int(pk)).first() if known else None
        schedule = getattr(found, "schedule", None)
        who = member(request)
        form = ScheduleForm(
            request.POST, schedule=schedule, time_zone=who.tenant.time_zone, membership=who, of=found
        )  # fmt: skip
        return render(request, "orchestrations/schedule/preview.html", {"preview": form.preview})

    def save_model(self, request: HttpRequest, obj: Orchestration, form: Any, change: bool) -> None:
        """Remember who made it, and in whose name it runs by itself."""
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        if form.schedule.is_bound:
            schedule_save(orchestration=obj, wish=form.schedule.wish, user=member(request).user)

    def response_add(self, request: HttpRequest, obj: Orchestration, post_url_continue: str | None = None) -> Any:
        """Go on to the page, where it is run."""
        messages.success(request, f"“{obj}” is saved. Send a sample first, or run it now.")
        return back(self.url("detail", obj))

    def response_change(self, request: HttpRequest, obj: Orchestration) -> Any:
        """Go back to the page, unless more is to be edited."""
        if "_continue" in request.POST:
            return super().response_change(request, obj)
        messages.success(request, f"“{obj}” is saved.")
        return back(self.url("detail", obj))

    def detail(self, request: HttpRequest, orchestration: Orchestration) -> HttpResponse:
        """Show what it does, its buttons and its last runs."""
        runs = list(Run.objects.filter(orchestration=orchestration).select_related("started_by")[:LAST_RUNS])
        effective = orchestration.settings_merged
        schedule: Schedule | None = getattr(orchestration, "schedule", None)
        return self.page(
            request, "orchestrations/orchestration/detail.html", title=str(orchestration), original=orchestration,
            orchestration=orchestration, runs=runs, samples=SAMPLES,
            spark=sparkline([run for run in runs if run.purpose == RunPurpose.DELIVER]),
            purpose=purpose_of(orchestration, schedule, rests=member(request).tenant.sandbox_of_id is not None),
            record=record_of(orchestration), schedule=schedule, stands=schedule is None or schedule_stands(schedule),
            changes=schedule_changes(schedule, request), **neighbours(orchestration, member(request)),
            test_event_code=effective.get("test_event_code"), refusal=sending_refusal(orchestration, effective),
            settings=settings_shown(orchestration.destination.spec, effective),
            mapped=orchestration_mapped(orchestration), keeping=keeping_shown(orchestration, request),
            active=next((run for run in runs if run.status in UNFINISHED_RUNS), None),
        )  # fmt: skip

    def run(self, request: HttpRequest, orchestration: Orchestration) -> HttpResponse:
        """Start a run, of everything or of a sample."""
        typed = request.POST.get("sample", "")
        sample = int(typed) if typed in {str(each) for each in SAMPLES} else None
        return self.start(request, orchestration, sample=sample)

    def plan(self, request: HttpRequest, orchestration: Orchestration) -> HttpResponse:
        """Start a run that says what would happen and sends nothing."""
        return self.start(request, orchestration, purpose=RunPurpose.PLAN)

    def start(self, request: HttpRequest, orchestration: Orchestration, **options: Any) -> HttpResponse:
        """Start a run and show it, or say why it cannot be."""
        who = member(request)
        started = attempt(
            request,
            lambda: run_start(orchestration=orchestration, membership=who, trigger=RunTrigger.MANUAL, **options),
        )
        if started is None:
            return back(self.url("detail", orchestration))
        return back(reverse("admin:orchestrations_run_change", args=[started.pk]))

    def switch(self, request: HttpRequest, orchestration: Orchestration) -> HttpResponse:
        """Enable or disable it."""
        enabled = request.POST.get("enabled") == "1"
        if attempt(request, lambda: self.switched(orchestration, enabled, member(request))):
            messages.success(request, f"“{orchestration}” is {'enabled' if enabled else 'disabled'}.")
        return back(self.url("detail", orchestration))

    def switched(self, orchestration: Orchestration, enabled: bool, who: Membership) -> Orchestration:
        """Enable or disable it; raise ValidationError where a schedule would send for who may not."""
        if enabled:
            scheduled_change_check(Orchestration.objects.filter(pk=orchestration.pk), who)
        orchestration.enabled = enabled
        orchestration.save(update_fields=["enabled"])
        return orchestration

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Count the runs that go with it instead of listing every batch."""
        runs = Run.objects.filter(orchestration__in=[obj.pk for obj in objs]).count()
        return [str(obj) for obj in objs], {"orchestrations": len(objs), "runs": runs}, set(), []

    def delete_refusal(self, obj: Orchestration) -> str:
        """Keep what is running, and what groups and schedules need."""
        active = Run.objects.filter(orchestration=obj, status__in=UNFINISHED_RUNS).first()
        unfinished = f"Run {active.pk} of “{obj}” is not finished yet. Wait for it, or cancel it." if active else ""
        return unfinished or orchestration_use(obj)

    def pause(self, request: HttpRequest, orchestration: Orchestration) -> HttpResponse:
        """Let the schedule rest, or go on with it."""
        schedule: Schedule | None = getattr(orchestration, "schedule", None)
        if schedule is not None:
            enabled = request.POST.get("enabled") == "1"
            attempt(request, lambda: schedule_switch(schedule=schedule, enabled=enabled, user=member(request).user))
        return back(self.url("detail", orchestration))

    def delete_model(self, request: HttpRequest, obj: Orchestration) -> None:
        """Delete it with its runs and what they keep."""
        orchestration_delete(orchestration=obj)


def orchestration_mapped(orchestration: Orchestration) -> Mapped:
    """Return how the query's columns fit the destination."""
    settings = {**orchestration.destination.settings, **orchestration.settings}
    return columns_map(orchestration.asked.columns, destination_target(orchestration.destination, settings))


def form_mapped(form: Any) -> Mapped | None:
    """Return how the columns of the query fit the destination that are chosen in a form, once both are."""
    chosen = str(form.data.get("query") if form.is_bound else form.initial.get("query") or "")
    query = form.fields["query"].queryset.filter(pk=int(chosen)).first() if chosen.isdigit() else None
    if query is None or form.chosen is None:
        return None
    return columns_map(query.columns, destination_target(form.chosen))
