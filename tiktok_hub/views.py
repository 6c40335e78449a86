"""Pages outside of any tenant: log-in, choice of a tenant, health."""

from typing import cast

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from unfold.forms import AuthenticationForm

from tiktok_hub.shell import platform_site, tenants_of
from tiktok_hub.tenancy.models import User


class LoginView(auth_views.LoginView):
    """The one log-in page, in the theme's look."""

    template_name = "admin/login.html"
    form_class = AuthenticationForm
    redirect_authenticated_user = True
    extra_context = {"title": "Log in", "site_title": "tiktok_hub", "site_header": "tiktok_hub"}  # noqa: RUF012

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        """Add what the theme's base page reads."""
        theme = platform_site.each_context(self.request)
        return {**theme, **super().get_context_data(**kwargs), "app_path": self.request.get_full_path()}


class LogoutView(auth_views.LogoutView):
    """Log out and go back to the log-in page."""

    next_page = "login"


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


def healthz(request: HttpRequest) -> JsonResponse:
    """Say that the web process answers."""
    return JsonResponse({"status": "ok"})
