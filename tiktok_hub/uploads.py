"""Refuse request bodies that are too large before anything of them is read or written to disk."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

#: Besides a file: the other fields of its form.
FORM_BYTES = 10 * 1024 * 1024


class BodyLimitMiddleware:
    """Answer 413 to what is larger than any form: strangers send no files, members datasets up to the limit.

    It stands after the tenant was opened and before anything looks at what was posted.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        member = getattr(request, "membership", None) is not None
        most = FORM_BYTES + (settings.HUB_UPLOAD_MAX_BYTES if member else 0)
        if _length(request) <= most:
            return self.get_response(request)
        megabytes = settings.HUB_UPLOAD_MAX_BYTES // 1024**2 if member else FORM_BYTES // 1024**2
        return render(request, "hub/too_large.html", {"megabytes": megabytes, "member": member}, status=413)


def _length(request: HttpRequest) -> int:
    """Return the bytes that were announced; without an announcement Django reads none."""
    announced = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(announced) if announced.isdecimal() else 0
