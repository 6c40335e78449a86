"""The pages on which a stream is connected: its write keys, snippets to copy, and its parameters."""

from typing import Any

import orjson
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from orchestrations.admin.base import back, member
from orchestrations.admin.stream_pages import StreamPages, site_url
from orchestrations.models import Stream, WriteKey
from orchestrations.streams.examples import example_item
from orchestrations.streams.http import DOCUMENT
from orchestrations.streams.reference import lines
from orchestrations.streams.services import key_make, key_revoke
from orchestrations.streams.snippets import snippets

VIEW, CHANGE = "orchestrations.view_stream", "orchestrations.change_stream"


class ConnectPages(StreamPages):
    """What whoever posts to a stream has to know."""

    def connect_urls(self) -> list[URLPattern]:
        """Return the pages and the buttons of the keys."""
        return [
            self.object_page("connect/", self.connect, name="connect", permission=VIEW),
            self.object_page("reference/", self.reference, name="reference", permission=VIEW),
            self.object_page("keys/add/", self.key_add, name="key_add", permission=CHANGE, method="POST"),
            self.object_page(
                "keys/<int:key>/revoke/", self.key_revoke, name="key_revoke", permission=CHANGE, method="POST"
            ),
        ]

    def connect(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Show the keys, and snippets with a place for one."""
        return self._connect(request, stream)

    def reference(self, request: HttpRequest, stream: Stream) -> HttpResponse:
        """Show what an item may carry."""
        spec, settings = stream.orchestration.destination.spec, stream.orchestration.settings_merged
        example = orjson.dumps(example_item(spec, settings), option=orjson.OPT_INDENT_2).decode()
        return self.stream_page(request, stream, "reference", lines=lines(spec, settings), example=example)

    @method_decorator(never_cache)
    @sensitive_variables()
    def key_add(self, request: HttpRequest, stream: Stream) -> HttpResponseBase:
        """Make a key and show it this once, in the snippets too; keep the name that was typed where it cannot be."""
        name = request.POST.get("name", "")
        try:
            key, text = key_make(stream=stream, name=name, user=member(request).user)
        except ValidationError as error:
            return self._connect(request, stream, typed=name, wrong=" ".join(error.messages))
        return self._connect(request, stream, made=key, text=text)

    def key_revoke(self, request: HttpRequest, stream: Stream, key: int) -> HttpResponse:
        """Make a key useless."""
        found = WriteKey.objects.filter(stream=stream, pk=key).first()
        if found is None:
            raise Http404
        if key_revoke(key=found):
            messages.success(request, f"“{found.name}” is revoked: nothing can be posted with it any more.")
        return back(self.url("connect", stream))

    @sensitive_variables()
    def _connect(self, request: HttpRequest, stream: Stream, *, text: str = "", **context: Any) -> HttpResponse:
        item = example_item(stream.orchestration.destination.spec, stream.orchestration.settings_merged)
        url = site_url(request, stream.path)
        return self.stream_page(
            request, stream, "connect", url=url, snippets=snippets(url, text, item), text=text,
            openapi=site_url(request, DOCUMENT),
            keys=list(WriteKey.objects.filter(stream=stream).select_related("created_by")), **context,
        )  # fmt: skip
