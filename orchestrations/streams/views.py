"""The collector as a Django view: for servers that know nothing of `tiktok_hub.asgi`, and for tests."""

from concurrent.futures import TimeoutError as FutureTimeoutError

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from orchestrations.streams.collecting import ANSWER_SECONDS, collector
from orchestrations.streams.http import (
    Head,
    Reply,
    answer_reply,
    body_read,
    error_reply,
    head_admit,
    head_answer,
)
from orchestrations.streams.openapi import collector_document
from orchestrations.streams.refusals import CollectError, not_written
from tiktok_hub.acting import client_ip


@csrf_exempt
def collect(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take the events of a request."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = str(request.META.get("QUERY_STRING", ""))
    reply = _reply(request, Head(request.method or "", public_id, query, headers, client_ip(request)))
    return HttpResponse(reply.body, status=reply.status, headers=reply.headers)


@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """Return what may be posted, and what is answered, as an OpenAPI document; nothing of it is secret."""
    return JsonResponse(collector_document(settings.HUB_PUBLIC_URL or f"{request.scheme}://{request.get_host()}"))


def _reply(request: HttpRequest, head: Head) -> Reply:
    try:
        door = collector.directory.find(head.public_id)
    except CollectError as error:
        return error_reply(error, None, head)
    if reply := head_answer(door, head):
        return reply
    try:
        admission = head_admit(door, head)
        answer = collector.submit(body_read(admission, _body(request)))
        try:
            return answer_reply(admission, answer.result(timeout=ANSWER_SECONDS))
        except FutureTimeoutError:
            answer.cancel()
            return error_reply(not_written(), door, head)
    except CollectError as error:
        return error_reply(error, door, head)


def _body(request: HttpRequest) -> bytes:
    try:
        return request.read()
    except (RawPostDataException, UnreadablePostError):
        raise CollectError(422, "not_read", "The body could not be read.") from None
