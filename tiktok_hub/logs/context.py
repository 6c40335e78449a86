"""Which tenant, request, task, run and batch a log record is about: carried beside the code."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from celery import current_task
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tiktok_hub.tenancy.scope import current_tenant

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ids: ContextVar[Mapping[str, int | str]] = ContextVar("log_ids", default=MappingProxyType({}))


@contextmanager
def log_with(**ids: int | str) -> Iterator[None]:
    """Put ids (`run=7`, `batch=3`) on all records of the block; never values that belong to somebody."""
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def log_ids() -> dict[str, int | str]:
    """Return the ids that hold here: tenant, task, and those of `log_with`."""
    found: dict[str, int | str] = {}
    if (tenant := current_tenant()) is not None:
        found["tenant"] = tenant.slug
    if current_task and current_task.request.id:
        found |= {"task": current_task.name, "task_id": current_task.request.id}
    return {**found, **_ids.get()}


class RequestIdMiddleware:
    """Give each request an id, or keep the one that our own reverse proxy gave it; the answer names it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "") if settings.HUB_BEHIND_PROXY else ""
        name = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        with log_with(request=name):
            response = self.get_response(request)
        response[HEADER] = name
        return response
