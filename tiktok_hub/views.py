"""Pages outside of any tenant: choice of a tenant, health; those of log-in and account are in tiktok_hub.people."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from tiktok_hub.health import readiness
from tiktok_hub.shell import platform_site, tenants_of
from tiktok_hub.tenancy.models import User


@login_required
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Go to the person's only tenant, or let them choose."""
    user = cast("User", request.user)
    tenants = list(tenants_of(user))
    if len(tenants) == 1 and not user.is_superuser:
        return redirect(f"{request.path}{tenants[0].slug}/")
    context = {**platform_site.each_context(request), "title": "Choose a tenant", "tenants": tenants}
    return render(request, "hub/home.html", context)


def livez(request: HttpRequest) -> JsonResponse:
    """Say that the web process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Say whether everything that the hub needs does its work: 200, else 503 with what does not."""
    found = readiness()
    ready = all(word == "ok" for word in found.values())
    return JsonResponse({"status": "ok" if ready else "not ready", "checks": found}, status=200 if ready else 503)
