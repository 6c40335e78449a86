"""Groups of orchestrations: list, form, and the page from which they are run."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, reverse

from orchestrations.access import RUN_GROUP
from orchestrations.admin.base import DetailChangeList, MemberFormAdmin, attempt, back, member
from orchestrations.admin.changes import next_shown, schedule_changes
from orchestrations.choices import COLOURS, RunStatus, RunTrigger
from orchestrations.forms import OrchestrationGroupForm, ScheduleForm
from orchestrations.groups.services import (
    group_active,
    group_delete,
    group_members_set,
    group_run_start,
    group_set,
    groups_visible_to,
    members_open_to,
)
from orchestrations.models import GroupRun, OrchestrationGroup, Schedule
from orchestrations.schedules.timetables import (
    group_change_check,
    members_of,
    schedule_of,
    schedule_stands,
    schedule_switch,
)
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.models import Membership

LAST_RUNS = 15
PK_DIGITS = 19
MODEL = "orchestrations.{}_orchestrationgroup"
VIEW, CHANGE = MODEL.format("view"), MODEL.format("change")
WRITE = (MODEL.format("add"), CHANGE)


@admin.register(OrchestrationGroup, site=tenant_site)
class OrchestrationGroupAdmin(MemberFormAdmin):
    """What runs as a unit, and the button that starts it."""

    form = OrchestrationGroupForm
    fields = ("name", "description", "enabled", "order", "on_failure")
    add_form_template = change_form_template = "orchestrations/group/form.html"
    list_display = ("name", "how_many", "order", "is_enabled", "next_run", "last_state", "last_time")
    list_select_related = ("schedule__tenant", "schedule__after")
    list_filter = ("enabled",)
    search_fields = ("name", "description", "members__orchestration__name")
    empty_title = "No group yet"
    empty_text = (
        "A group runs several orchestrations as a unit, one after another or all at once, on one schedule. Create one, "
        "choose its members, then run it."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrchestrationGroup]:
        """Return the groups of which this person sees a member, with their last run."""
        last = GroupRun.objects.filter(group=OuterRef("pk")).order_by("-created_at", "-pk")
        visible = groups_visible_to(member(request)).values("pk")
        return (  # type: ignore[no-any-return]
            super()
            .get_queryset(request)
            .filter(pk__in=visible)
            .annotate(
                size=Count("members", distinct=True),
                last_status=Subquery(last.values("status")[:1]),
                last_at=Subquery(last.values("created_at")[:1]),
            )
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DetailChangeList]:
        """Lead from the list to the page."""
        return DetailChangeList

    @shown("Members", ordering="size")
    def how_many(self, group: Any) -> int:
        """Return how many orchestrations it has."""
        return int(group.size)

    @shown("Enabled", ordering="enabled", boolean=True)
    def is_enabled(self, group: OrchestrationGroup) -> bool:
        """Say whether it may run."""
        return group.enabled

    @shown("Next run", ordering="schedule__next_slot")
    def next_run(self, group: OrchestrationGroup) -> str:
        """Return when it runs by itself next."""
        schedule: Schedule | None = getattr(group, "schedule", None)
        return next_shown(schedule) if schedule is not None and group.enabled else "–"

    @shown("Last run", label=COLOURS)
    def last_state(self, group: Any) -> tuple[str, str] | str:
        """Return the status of the last run."""
        return (group.last_status, str(RunStatus(group.last_status).label)) if group.last_status else ""

    @shown("When", ordering="last_at")
    def last_time(self, group: Any) -> Any:
        """Return when the last run was started."""
        return group.last_at

    def page_urls(self) -> list[URLPattern]:
        """Return the page, its buttons, and the fragment of the form."""
        return [
            self.list_page("schedule/", self.schedule_fragment, name="schedule", permissions=WRITE),
            self.object_page("", self.detail, name="detail", permission=VIEW),
            self.object_page("run/", self.run, name="run", permission=RUN_GROUP, method="POST"),
            self.object_page("switch/", self.switch, name="switch", permission=CHANGE, method="POST"),
            self.object_page("pause/", self.pause, name="pause", permission=CHANGE, method="POST"),
        ]

    def schedule_fragment(self, request: HttpRequest) -> HttpResponse:
        """Return the schedule that is being typed in words, with its next runs, or what is wrong with it."""
        pk = request.POST.get("schedule-of", "")
        known = pk.isdecimal() and len(pk) < PK_DIGITS
        found = self.get_queryset(request).filter(pk=int(pk)).first() if known else None
        who = member(request)
        form = ScheduleForm(
            request.POST, schedule=schedule_of(found) if found else None, time_zone=who.tenant.time_zone,
            membership=who, of=found,
        )  # fmt: skip
        return render(request, "orchestrations/schedule/preview.html", {"preview": form.preview})

    def save_model(self, request: HttpRequest, obj: OrchestrationGroup, form: Any, change: bool) -> None:
        """Remember who made it, its members, and in whose name it runs by itself."""
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        if form.schedule.is_bound:
            group_set(group=obj, members=form.members, wish=form.schedule.wish, user=member(request).user)
        else:
            group_members_set(group=obj, members=form.members)

    def response_add(self, request: HttpRequest, obj: OrchestrationGroup, post_url_continue: str | None = None) -> Any:
        """Go on to the page, where it is run."""
        messages.success(request, f"“{obj}” is saved.")
        return back(self.url("detail", obj))

    def response_change(self, request: HttpRequest, obj: OrchestrationGroup) -> Any:
        """Go back to the page, unless more is to be edited."""
        if "_continue" in request.POST:
            return super().response_change(request, obj)
        messages.success(request, f"“{obj}” is saved.")
        return back(self.url("detail", obj))

    def detail(self, request: HttpRequest, group: OrchestrationGroup) -> HttpResponse:
        """Show what it runs, its buttons and its last runs."""
        schedule, members = schedule_of(group), members_of(group)
        open_here = members_open_to(members, member(request))
        return self.page(
            request, "orchestrations/group/detail.html", title=str(group), original=group, group=group,
            members=[(number, each) for number, each in enumerate(members, 1) if each in open_here],
            hidden=len(members) - len(open_here), active=group_active(group),
            runs=list(GroupRun.objects.filter(group=group).select_related("started_by", "group")[:LAST_RUNS]),
            schedule=schedule, stands=schedule is None or schedule_stands(schedule),
            changes=schedule_changes(schedule, request),
        )  # fmt: skip

    def run(self, request: HttpRequest, group: OrchestrationGroup) -> HttpResponse:
        """Start a run and show it, or say why it cannot be."""
        started = attempt(
            request, lambda: group_run_start(group=group, membership=member(request), trigger=RunTrigger.MANUAL)
        )
        if started is None:
            return back(self.url("detail", group))
        return back(reverse("admin:orchestrations_grouprun_change", args=[started.pk]))

    def switch(self, request: HttpRequest, group: OrchestrationGroup) -> HttpResponse:
        """Enable or disable it."""
        enabled = request.POST.get("enabled") == "1"
        if attempt(request, lambda: self.switched(group, enabled, member(request))):
            messages.success(request, f"“{group}” is {'enabled' if enabled else 'disabled'}.")
        return back(self.url("detail", group))

    def switched(self, group: OrchestrationGroup, enabled: bool, who: Membership) -> OrchestrationGroup:
        """Enable or disable it; raise ValidationError where its schedule would start what they may not start."""
        if enabled:
            group_change_check(group, who)
        group.enabled = enabled
        group.save(update_fields=["enabled"])
        return group

    def pause(self, request: HttpRequest, group: OrchestrationGroup) -> HttpResponse:
        """Let the schedule rest, or go on with it."""
        schedule = schedule_of(group)
        if schedule is not None:
            enabled = request.POST.get("enabled") == "1"
            attempt(request, lambda: schedule_switch(schedule=schedule, enabled=enabled, user=member(request).user))
        return back(self.url("detail", group))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Count what goes with it; the runs of its members stay."""
        runs = GroupRun.objects.filter(group__in=[obj.pk for obj in objs]).count()
        return [str(obj) for obj in objs], {"groups": len(objs), "runs of groups": runs}, set(), []

    def delete_refusal(self, obj: OrchestrationGroup) -> str:
        """Keep what is running."""
        active = group_active(obj)
        return f"Run {active.pk} of “{obj}” is not finished yet. Wait for it, or cancel it." if active else ""

    def delete_model(self, request: HttpRequest, obj: OrchestrationGroup) -> None:
        """Delete it with what is known of its runs."""
        group_delete(group=obj)
