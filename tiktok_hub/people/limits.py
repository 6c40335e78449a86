"""Slow down who tries addresses of one-time links, per place; the links themselves cannot be guessed."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tiktok_hub.acting import client_ip
from tiktok_hub.people.pages import page

View = Callable[..., HttpResponseBase]

WINDOW = 60  # seconds
MOST = 60  # requests from one place in a window, in each web process


def limited(name: str, *, most: int = MOST) -> Callable[[View], View]:
    """Answer 429 to a place that asks a view more often than `most` times a minute."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **captured: Any) -> HttpResponseBase:
            key = f"hub-limit:{name}:{client_ip(request)}"
            if not cache.add(key, 1, WINDOW) and _count(key) > most:
                answer = page(request, "people/slower.html", status=429, title="Too many requests")
                answer["Retry-After"] = str(WINDOW)
                return answer
            return view(request, *args, **captured)

        return wrapped

    return decorate


def _count(key: str) -> int:
    try:
        return int(cache.incr(key))
    except ValueError:  # the window ended between the two calls
        return 1
