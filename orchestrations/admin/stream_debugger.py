"""The live debugger of a stream: its last events as they come, and a form that posts one."""

from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from orchestrations.admin.base import member
from orchestrations.admin.stream_events import Seen, seen
from orchestrations.admin.stream_pages import StreamPages
from orchestrations.models import Stream
from orchestrations.streams.collecting import items_collect
from orchestrations.streams.examples import example_item
from orchestrations.streams.items import Client
from orchestrations.streams.refusals import FAILED, CollectError
from tiktok_hub.acting import client_ip
from tiktok_hub.tenancy.policies import is_admin

VIEW, OPERATE = "orchestrations.view_stream", "orchestrations.run_stream"
MOST = 100
"""Items that the form posts at once."""


class DebuggerPages(StreamPages):
    """What comes in, and what becomes of it."""

    def debugger_urls(self) -> list[URLPattern]:
        """Return the page, its moving part, and where the form goes."""
        return [
            self.object_page("debugger/", self.debugger, name="debugger", permission=VIEW),
            self.object_page("events/", self.events, name="events", permission=VIEW),
            self.object_page("test/", self.test, name="test", permission=OPERATE, method="POST"),
        ]

    def debugger(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Show the last events, and a form with a good example."""
        item = example_item(stream.orchestration.destination.spec, stream.orchestration.settings_merged)
        item.pop("event_id", None)  # made anew for each, so that TikTok does not take the second test for the first
        return self._debugger(request, stream, typed=orjson.dumps(item, option=orjson.OPT_INDENT_2).decode())

    def events(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Return the last events as they are now."""
        return render(
            request, "orchestrations/stream/events.html", {"stream": stream, "items": self._items(request, stream)}
        )

    @method_decorator(sensitive_post_parameters("json"))
    def test(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Post what was typed as if a program had, and say what became of it."""
        typed = request.POST.get("json", "")
        try:
            answer = items_collect(stream, items_typed(typed), client=Client(client_ip(request), _agent(request)))
        except ValidationError as error:
            return self._debugger(request, stream, typed=typed, wrong=" ".join(error.messages))
        except CollectError as error:
            return self._debugger(request, stream, typed=typed, wrong=str(error))
        except FutureTimeoutError:
            return self._debugger(request, stream, typed=typed, wrong=FAILED)
        return self._debugger(request, stream, typed=typed, answer=answer)

    def _debugger(self, request: HttpRequest, stream: Stream, **context: Any) -> HttpResponse:
        return self.stream_page(
            request, stream, "debugger", items=self._items(request, stream),
            test_event_code=stream.orchestration.settings_merged.get("test_event_code"), **context,
        )  # fmt: skip

    def _items(self, request: HttpRequest, stream: Stream) -> list[Seen]:
        who = member(request)
        return seen(stream, restricted=who.restrict_pii, raw=is_admin(who))


def items_typed(text: str) -> list[dict[str, Any]]:
    """Return the items that somebody typed as JSON: one object, or a list; raise ValidationError for anything else."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValidationError(f"This is no JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from None
    items = found if isinstance(found, list) else [found]
    if not items or not all(isinstance(item, dict) for item in items):
        raise ValidationError("Type one object, {…}, or a list of objects, [{…}, {…}].")
    if len(items) > MOST:
        raise ValidationError(f"This form posts {MOST} items at most. Use a write key for more.")
    return items


def _agent(request: HttpRequest) -> str | None:
    return request.headers.get("User-Agent")
