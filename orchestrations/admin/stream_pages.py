"""What the pages of one stream share: the tabs that lead from one to the other."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.response import TemplateResponse

from orchestrations.admin.base import MemberFormAdmin
from orchestrations.models import Stream
from tiktok_hub.shell import root_url

TABS = {
    "detail": "Overview",
    "debugger": "Live debugger",
    "connect": "Keys and snippets",
    "reference": "Parameters",
}


class StreamPages(MemberFormAdmin):
    """The pages of one stream."""

    def stream_page(self, request: HttpRequest, stream: Stream, tab: str, **context: Any) -> TemplateResponse:
        """Render one of the stream's pages."""
        tabs = [(self.url(name, stream), label, name == tab) for name, label in TABS.items()]
        return self.page(
            request, f"orchestrations/stream/{tab}.html", title=str(stream), original=stream, stream=stream,
            tabs=tabs, noun=noun_of(stream), **context,
        )  # fmt: skip


def noun_of(stream: Stream) -> str:
    """Return what a stream's items are."""
    return "people" if stream.orchestration.destination.spec.keeps_audience else "events"


def site_url(request: HttpRequest, path: str) -> str:
    """Return an address outside of the tenant as the world knows this hub."""
    site = settings.HUB_PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
    return f"{site}{root_url(path.lstrip('/'))}"
