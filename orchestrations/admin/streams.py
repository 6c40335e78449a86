"""Streams: list, form, and the page of one with what waits, what was sent, and what went wrong."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern

from destinations.models import destinations_usable_by
from orchestrations.admin.base import DetailChangeList, attempt, back, member
from orchestrations.admin.mapping import settings_shown
from orchestrations.admin.periods import hours_chart
from orchestrations.admin.stream_connect import ConnectPages
from orchestrations.admin.stream_debugger import DebuggerPages
from orchestrations.admin.stream_words import COLOURS, stream_state, stream_troubles
from orchestrations.forms.streams import StreamForm
from orchestrations.models import Run, Stream
from orchestrations.streams.parking import run_before
from orchestrations.streams.services import (
    stream_delete,
    stream_pause,
    stream_refusal,
    stream_resume,
    stream_save,
    stream_switch,
)
from orchestrations.streams.waiting import Backlog, backlogs
from orchestrations.templatetags.orchestration_tags import count, duration
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site

LAST_RUNS = 10
MODEL = "orchestrations.{}_stream"
VIEW, CHANGE, OPERATE = MODEL.format("view"), MODEL.format("change"), MODEL.format("run")
WRITE = (MODEL.format("add"), CHANGE)


class StreamChangeList(DetailChangeList):
    """A list that asks once for what waits in all its streams."""

    def get_results(self, request: HttpRequest) -> None:
        """Put its flow into each stream of the page."""
        super().get_results(request)
        found = backlogs(self.result_list)
        for stream in self.result_list:
            stream.flow = found[stream.pk]


@admin.register(Stream, site=tenant_site)
class StreamAdmin(ConnectPages, DebuggerPages):
    """Sources of events in real time."""

    form = StreamForm
    fields = ("name", "destination")  # the form's own template shows all of them
    add_form_template = change_form_template = "orchestrations/stream/form.html"
    list_display = ("name", "destination", "state", "waiting", "age", "rate", "last_sent")
    list_display_links = ("name",)
    list_filter = ("paused", "orchestration__enabled")
    search_fields = ("orchestration__name", "orchestration__description", "public_id")
    empty_title = "No stream yet"
    empty_text = (
        "A stream takes events that a shop's server or tag manager posts one by one, and sends them to TikTok in "
        "batches. Create one, make a write key, and copy a snippet."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stream]:
        """Return the streams whose destination is open to this person, with when a run of them ended last."""
        runs = Run.objects.filter(orchestration=OuterRef("orchestration"), attempts__gt=0).order_by("-created_at")
        last = runs.annotate(at=Coalesce("finished_at", "created_at")).values("at")[:1]
        related = ("tenant", "orchestration__tenant", "orchestration__destination__credential")
        return (  # type: ignore[no-any-return]
            super()
            .get_queryset(request)
            .filter(orchestration__destination__in=destinations_usable_by(member(request)))
            .select_related(*related)
            .annotate(last_at=Subquery(last))
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DetailChangeList]:
        """Lead from the list to the page."""
        return StreamChangeList

    @shown("Name", ordering="orchestration__name")
    def name(self, stream: Stream) -> str:
        """Name the stream."""
        return str(stream)

    @shown("Destination", ordering="orchestration__destination__name")
    def destination(self, stream: Stream) -> str:
        """Name the destination."""
        return str(stream.orchestration.destination)

    @shown("State", label=COLOURS)
    def state(self, stream: Stream) -> tuple[str, str]:
        """Say whether it takes and sends events."""
        state = stream_state(stream)
        return state.word, state.label

    @shown("Waiting")
    def waiting(self, stream: Any) -> str:
        """Return how many events wait to be sent."""
        return count(stream.flow.events)

    @shown("Oldest")
    def age(self, stream: Any) -> str:
        """Return for how long the oldest of them waits."""
        return duration(stream.flow.age)

    @shown("Coming in")
    def rate(self, stream: Any) -> str:
        """Return how many items came in the last minute."""
        return str(stream.flow.pace)

    @shown("Last sent", ordering="last_at")
    def last_sent(self, stream: Any) -> Any:
        """Return when something was sent last."""
        return stream.last_at

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Ask for what the form declares; further parts depend on the destination."""
        return super().get_form(request, obj, change, **{**kwargs, "fields": StreamForm.Meta.fields})

    def page_urls(self) -> list[URLPattern]:
        """Return the pages, their fragments and buttons."""
        return [
            self.list_page("settings/", self.settings_fragment, name="settings", permissions=WRITE),
            self.object_page("", self.detail, name="detail", permission=VIEW),
            self.object_page("live/", self.live, name="live", permission=VIEW),
            self.object_page("chart/", self.chart, name="chart", permission=VIEW),
            self.object_page("switch/", self.switch, name="switch", permission=CHANGE, method="POST"),
            self.object_page("pause/", self.pause, name="pause", permission=OPERATE, method="POST"),
            self.object_page("resume/", self.resume, name="resume", permission=OPERATE, method="POST"),
            *self.connect_urls(),
            *self.debugger_urls(),
        ]

    def settings_fragment(self, request: HttpRequest) -> HttpResponse:
        """Return the part of the form that depends on the chosen destination; nothing is checked."""
        form = self.get_form(request)(initial={name: value for name, value in request.POST.items() if value})
        return render(request, "orchestrations/stream/settings.html", {"form": form})

    def save_model(self, request: HttpRequest, obj: Stream, form: Any, change: bool) -> None:
        """Store what the form has checked."""
        stream_save(obj)

    def response_add(self, request: HttpRequest, obj: Stream, post_url_continue: str | None = None) -> Any:
        """Go on to where a key is made and a snippet is copied."""
        messages.success(request, f"“{obj}” is saved. Make a write key, then post a first event.")
        return back(self.url("connect", obj))

    def response_change(self, request: HttpRequest, obj: Stream) -> Any:
        """Go back to the page, unless more is to be edited."""
        if "_continue" in request.POST:
            return super().response_change(request, obj)
        messages.success(request, f"“{obj}” is saved.")
        return back(self.url("detail", obj))

    def detail(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Show how it is doing."""
        spec = stream.orchestration.destination.spec
        return self.stream_page(
            request, stream, "detail", settings=settings_shown(spec, stream.orchestration.settings_merged),
            **self.live_context(stream), **self.chart_context(stream),
        )  # fmt: skip

    def live(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Return the part of the page that moves."""
        return render(request, "orchestrations/stream/live.html", {"stream": stream, **self.live_context(stream)})

    def live_context(self, stream: Stream) -> dict[str, Any]:
        """Return what that part shows."""
        runs = Run.objects.filter(orchestration=stream.orchestration_id)
        flow: Backlog = backlogs([stream])[stream.pk]
        return {
            "state": stream_state(stream, run_before(stream)), "flow": flow, "troubles": stream_troubles(runs),
            "runs": list(runs.select_related("started_by")[:LAST_RUNS]),
        }  # fmt: skip

    def chart(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Return the picture of the last day, which moves more slowly."""
        return render(request, "orchestrations/stream/chart.html", {"stream": stream, **self.chart_context(stream)})

    def chart_context(self, stream: Stream) -> dict[str, Any]:
        """Return what the picture shows."""
        runs = Run.objects.filter(orchestration=stream.orchestration_id)
        return {"picture": hours_chart(runs, stream.tenant)}

    def switch(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Let it take events, or refuse them."""
        enabled = request.POST.get("enabled") == "1"
        stream_switch(stream=stream, enabled=enabled)
        messages.success(request, f"“{stream}” {'takes events' if enabled else 'refuses events from now on'}.")
        return back(self.url("detail", stream))

    def pause(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Keep what comes."""
        stream_pause(stream=stream)
        messages.success(request, f"“{stream}” is paused: it takes events and keeps them.")
        return back(self.url("detail", stream))

    def resume(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Send again, whoever or whatever had stopped it."""
        if attempt(request, lambda: stream_resume(stream=stream)):
            messages.success(request, f"“{stream}” sends again.")
        return back(self.url("detail", stream))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Count what is lost with it."""
        streams = [obj.pk for obj in objs]
        lost = sum(flow.events for flow in backlogs(objs).values())
        runs = Run.objects.filter(orchestration__stream__in=streams).count()
        counts = {"streams": len(objs), "events that wait to be sent and would be lost": lost, "runs": runs}
        return [str(obj) for obj in objs], counts, set(), []

    def delete_refusal(self, obj: Stream) -> str:
        """Keep what is sending."""
        return stream_refusal(obj)

    def delete_model(self, request: HttpRequest, obj: Stream) -> None:
        """Delete it with its keys, its runs and what waits."""
        stream_delete(stream=obj)
