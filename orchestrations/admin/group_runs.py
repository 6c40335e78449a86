"""Runs of groups: the list, and the page of one with the state of every member, live."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, reverse

from destinations.models import destinations_usable_by
from orchestrations.admin.base import OwnPageAdmin, attempt, back, member
from orchestrations.choices import COLOURS, RunStatus
from orchestrations.groups.services import group_run_cancel, groups_visible_to, member_runs
from orchestrations.models import GroupRun, Orchestration, Run
from orchestrations.templatetags.orchestration_tags import duration
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site

VIEW, CHANGE = "orchestrations.view_grouprun", "orchestrations.change_grouprun"


@dataclass(frozen=True, slots=True)
class Place:
    """A member as the page shows it; without a run it waits, or was not reached. One that is closed has no name."""

    number: int
    name: str
    url: str
    run: Run | None
    is_open: bool


@admin.register(GroupRun, site=tenant_site)
class GroupRunAdmin(OwnPageAdmin):
    """What became of the groups; their runs are started, never typed in or deleted."""

    list_display = ("state", "of", "who", "how_many", "took", "started")
    list_display_links = ("state", "of")
    list_filter = ("status", "group")
    list_per_page = 50
    search_fields = ("group__name",)
    search_help_text = "Name of the group"
    empty_title = "No group has run yet"
    empty_text = "Open a group and run it; how its members fare is shown here."

    def get_queryset(self, request: HttpRequest) -> QuerySet[GroupRun]:
        """Return the runs of the groups that this person sees."""
        visible = groups_visible_to(member(request)).values("pk")
        rows: QuerySet[GroupRun] = super().get_queryset(request).filter(group__in=visible)
        return rows.select_related("group", "started_by", "after__orchestration")

    @shown("Status", ordering="status", label=COLOURS)
    def state(self, group_run: GroupRun) -> tuple[str, str]:
        """Return the status with its label."""
        return group_run.status, group_run.get_status_display()

    @shown("Group", ordering="group__name")
    def of(self, group_run: GroupRun) -> str:
        """Name the group."""
        return str(group_run.group)

    @shown("Started by")
    def who(self, group_run: GroupRun) -> str:
        """Name the person or the thing that started it."""
        return group_run.starter

    @shown("Members")
    def how_many(self, group_run: GroupRun) -> int:
        """Return how many members it has."""
        return len(group_run.members)

    @shown("Duration")
    def took(self, group_run: GroupRun) -> str:
        """Return how long it took."""
        return duration(group_run.seconds)

    @shown("Started", ordering="created_at")
    def started(self, group_run: GroupRun) -> Any:
        """Return when it was started."""
        return group_run.created_at

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are started on their group's page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: GroupRun | None = None) -> bool:
        """Nobody edits what happened."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: GroupRun | None = None) -> bool:
        """Nobody deletes what happened."""
        return False

    def page_urls(self) -> list[URLPattern]:
        """Return the fragment and the button of the page."""
        return [
            self.object_page("live/", self.live, name="live", permission=VIEW),
            self.object_page("cancel/", self.cancel, name="cancel", permission=CHANGE, method="POST"),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show it."""
        group_run = self.object_or_404(request, object_id)
        context = self.live_context(request, group_run)
        template = "orchestrations/group_run/page.html"
        return self.page(request, template, title=str(group_run), original=group_run, **context)

    def live(self, request: HttpRequest, group_run: GroupRun) -> HttpResponse:
        """Return the part of the page that moves; without polling once it has ended."""
        return render(request, "orchestrations/group_run/live.html", self.live_context(request, group_run))

    def live_context(self, request: HttpRequest, group_run: GroupRun) -> dict[str, Any]:
        """Return what the moving part shows."""
        return {
            "group_run": group_run,
            "places": places(group_run, request),
            "every": "5s" if group_run.status == RunStatus.HELD else "2s",
            "can_cancel": request.user.has_perm(CHANGE) and not group_run.is_finished,
        }

    def cancel(self, request: HttpRequest, group_run: GroupRun) -> HttpResponse:
        """End it, and those of its members that run."""
        attempt(request, lambda: group_run_cancel(group_run=group_run))
        return back(self.url("change", group_run))


def places(group_run: GroupRun, request: HttpRequest) -> list[Place]:
    """Return the members in their order; of those that are not open to this person nothing but that they are there."""
    ids = [each["orchestration"] for each in group_run.members]
    rows = Orchestration.objects.filter(pk__in=ids)
    known = set(rows.values_list("pk", flat=True))
    usable = destinations_usable_by(member(request))
    open_here = set(rows.filter(destination__in=usable).values_list("pk", flat=True))
    found = []
    for number, (each, run) in enumerate(zip(group_run.members, member_runs(group_run), strict=True), 1):
        pk, is_open = each["orchestration"], each["orchestration"] in open_here
        url = reverse("admin:orchestrations_orchestration_detail", args=[pk]) if is_open else ""
        name = str(each["name"]) if is_open else "not open to you" if pk in known else "deleted"
        found.append(Place(number, name, url, run if is_open else None, is_open))
    return found
