"""The page that Prometheus reads."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from tiktok_hub.metrics.rendering import metrics_text


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return all numbers to whoever has the token (HUB_METRICS_TOKEN); without one there is no such page."""
    if not settings.HUB_METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given.encode(), f"Bearer {settings.HUB_METRICS_TOKEN}".encode()):
        return HttpResponse("The token of HUB_METRICS_TOKEN is needed.", status=401, content_type="text/plain",
                            headers={"WWW-Authenticate": "Bearer"})  # fmt: skip
    return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_LATEST)
