"""The two admin sites and what stands around every page: side bar, tenant switcher, style sheet.

`tenant_site` shows the opened tenant's things under `/<tenant>/`, `platform_site` is where a platform superuser
creates tenants and people, under `/platform/`.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, NotRequired, TypedDict

from django.contrib.auth.views import LogoutView, redirect_to_login
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from unfold.sites import UnfoldAdminSite

from tiktok_hub.tenancy.backends import membership_of
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.policies import membership_allows
from tiktok_hub.tenancy.scope import current_tenant, hub_scope

View = Callable[..., HttpResponseBase]


class NavigationItem(TypedDict):
    """One line of the side bar, in the theme's terms."""

    title: str
    icon: str
    link: str
    permission: Callable[[HttpRequest], bool]
    active: NotRequired[Callable[[HttpRequest], bool]]


class HubSite(UnfoldAdminSite):  # type: ignore[misc]
    """What both sites share: no search across everything, since the theme caches its results per person only."""

    enable_nav_sidebar = True

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Refuse the theme's global search: it would mix tenants in its cache."""
        raise Http404

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send people to the hub's one log-in page."""
        return redirect_to_login(request.GET.get("next", request.get_full_path()), root_url("login/"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Log out and go back to the hub's one log-in page."""
        return LogoutView.as_view(next_page=root_url("login/"))(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send people to the hub's one page for it."""
        return HttpResponseRedirect(root_url("account/password/"))


def no_guide(request: HttpRequest) -> Any:
    """Lead nobody anywhere."""


class TenantSite(HubSite):
    """The pages of one tenant.

    `guide` returns what to do next for people who are new here, with `steps`, `done` and `next`, or None; the app that
    knows the way puts its own function here.
    """

    guide: Callable[[HttpRequest], Any] = staticmethod(no_guide)
    site_header = "tiktok_hub"
    index_title = "Overview"

    def has_permission(self, request: HttpRequest) -> bool:
        """Let members of the opened tenant in."""
        return request.user.is_active and getattr(request, "membership", None) is not None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Name the tenant on each page."""
        tenant = current_tenant()
        name = tenant.name if tenant else "tiktok_hub"
        named = {"site_header": name, "site_subheader": "tiktok_hub", "tenant": tenant}
        around = {"sandbox_banner": sandbox_banner(request), "guide": partial(self.guide, request)}
        return {**super().each_context(request), **named, **around}


class PlatformSite(HubSite):
    """Where a platform superuser creates tenants and people."""

    site_header = "Platform"
    index_title = "Platform"

    def has_permission(self, request: HttpRequest) -> bool:
        """Let platform superusers in, who proved themselves to the hub and not to a tenant's identity provider."""
        user = request.user
        return isinstance(user, User) and user.is_active and user.is_superuser and user.confined_to is None

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Make the pages not exist for people who are logged in and no superusers."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                raise Http404
            return inner(request, *args, **kwargs)

        return guarded


tenant_site = TenantSite(name="admin")
platform_site = PlatformSite(name="platform")


def stylesheet(request: HttpRequest) -> str:
    """Return the address of the hub's own style sheet."""
    return static("hub/hub.css")


def sandbox_banner(request: HttpRequest) -> dict[str, Any] | None:
    """Return what every page of a sandbox says, with links for those who belong to production; None elsewhere."""
    tenant = current_tenant()
    if tenant is None or tenant.sandbox_of is None:
        return None
    home, membership = root_url(f"{tenant.sandbox_of.slug}/"), membership_of(request.user, tenant.sandbox_of)
    may_compare = membership_allows(membership, "tenancy.view_sandbox")
    return {
        "production": tenant.sandbox_of,
        "production_url": home if membership else "",
        "differences_url": f"{home}sandboxes/sandbox/{tenant.pk}/" if may_compare else "",
    }


def environment(request: HttpRequest) -> list[str] | None:
    """Return the label beside the person's name: it marks a sandbox."""
    tenant = current_tenant()
    return ["Sandbox", "warning"] if tenant is not None and tenant.sandbox_of_id is not None else None


def favicon(request: HttpRequest) -> str:
    """Return the address of the picture in the browser's tab."""
    return static("hub/favicon.svg")


def root_url(path: str = "") -> str:
    """Return an address outside of any tenant: `/` plus `path`, under the server's own prefix."""
    prefix = get_script_prefix()
    tenant = current_tenant()
    if tenant and prefix.endswith(f"/{tenant.slug}/"):
        prefix = prefix.removesuffix(f"{tenant.slug}/")
    return f"{prefix}{path}"


def permitted(permission: str) -> Callable[[HttpRequest], bool]:
    """Return a test of one permission for a side bar line."""
    return lambda request: request.user.has_perm(permission)


def _item(title: str, icon: str, model: str, permission: str = "") -> NavigationItem:
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{app}_{name}_changelist"),
        "permission": permitted(permission or f"{app}.view_{name}"),
    }


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the side bar: the way of the data from top to bottom, then the people."""
    if current_tenant() is None:
        return _platform_sidebar(request)
    overview: NavigationItem = {
        "title": "Overview",
        "icon": "home",
        "link": reverse("admin:index"),
        "permission": lambda request: True,
    }
    return [
        {"title": "", "items": [overview]},
        {
            "title": "Send",
            "separator": True,
            "items": [
                _item("Orchestrations", "play_circle", "orchestrations.orchestration"),
                _item("Streams", "stream", "orchestrations.stream"),
                _groups(),
                _runs(),
                _item("Audiences", "groups", "orchestrations.audience"),
                _reconciliation(),
            ],
        },
        {
            "title": "Data",
            "separator": True,
            "items": [
                _item("Queries", "database_search", "orchestrations.query"),
                _item("Datasets", "table", "orchestrations.dataset"),
                _item("Retention", "auto_delete", "orchestrations.retentionreport"),
            ],
        },
        {
            "title": "TikTok",
            "separator": True,
            "items": [
                _item("Destinations", "send", "destinations.destination"),
                _item("Credentials", "key", "destinations.credential"),
            ],
        },
        {
            "title": "Alerts",
            "separator": True,
            "items": [
                _item("Incidents", "warning", "alerts.incident"),
                _item("Alert rules", "notifications", "alerts.rule"),
                _item("Alert channels", "campaign", "alerts.channel"),
                _item("Deliveries", "outbox", "alerts.delivery"),
            ],
        },
        {
            "title": "People",
            "separator": True,
            "items": [
                _item("Members", "group", "tenancy.membership"),
                _item("Invitations", "mail", "people.invitation", "tenancy.view_membership"),
                _item("Audit log", "policy", "audit.entry"),
                _item("API keys", "vpn_key", "api.apikey"),
                _sandboxes(),
                _item("Settings", "tune", "tenancy.tenant"),
                _item("Single sign-on", "login", "people.singlesignon", "tenancy.view_tenant"),
            ],
        },
    ]


def _runs() -> NavigationItem:
    """Return the line of runs, which is not marked on the page that has a line of its own."""
    item, other = _item("Runs", "history", "orchestrations.run"), _reconciliation()["link"]
    item["active"] = lambda request: item["link"] in request.path and other not in request.path
    return item


def _groups() -> NavigationItem:
    """Return the line of groups, which is marked on the pages of their runs, too."""
    item, runs = _item("Groups", "account_tree", "orchestrations.orchestrationgroup"), "/orchestrations/grouprun/"
    item["active"] = lambda request: item["link"] in request.path or runs in request.path
    return item


def _reconciliation() -> NavigationItem:
    """Return the line of the page that compares what was selected with what TikTok has."""
    return {
        "title": "Reconciliation",
        "icon": "balance",
        "link": reverse("admin:orchestrations_run_reconciliation"),
        "permission": permitted("orchestrations.view_run"),
    }


def _sandboxes() -> NavigationItem:
    """Return the line of sandboxes, which production alone has."""
    allowed = permitted("tenancy.view_sandbox")
    return {
        "title": "Sandboxes",
        "icon": "science",
        "link": reverse("admin:sandboxes_sandbox_changelist"),
        "permission": lambda request: allowed(request) and sandbox_banner(request) is None,
    }


def _platform_sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    if not request.user.is_superuser:
        return []
    items = [
        {"title": title, "icon": icon, "link": reverse(f"platform:{name}_changelist")}
        for title, icon, name in (
            ("Tenants", "apartment", "tenancy_tenant"),
            ("People", "group", "tenancy_user"),
            ("E-mail domains", "alternate_email", "people_emaildomain"),
            ("Audit log", "policy", "audit_entry"),
        )
    ]
    return [{"title": "Platform", "items": items}]


def tenant_switcher(request: HttpRequest) -> list[dict[str, str]]:
    """Return the other places this person may go to: their tenants, and the platform for superusers."""
    user = request.user
    if not isinstance(user, User):
        return []
    here = current_tenant()
    items = [
        {
            "title": f"{tenant.name} (sandbox)" if tenant.sandbox_of_id else tenant.name,
            "icon": "check" if tenant == here else "science" if tenant.sandbox_of_id else "apartment",
            "link": root_url(f"{tenant.slug}/"),
        }
        for tenant in tenants_of(user)
    ]
    items.append({"title": "Your account", "icon": "person", "link": root_url("account/")})
    if user.is_superuser:
        items.append({"title": "Platform", "icon": "settings", "link": root_url("platform/")})
    return items


def tenants_of(user: User) -> models.QuerySet[Tenant]:
    """Return the tenants somebody may enter: those they belong to, all for a platform superuser.

    The one question that spans tenants.
    """
    if user.is_superuser and user.confined_to is None:
        return Tenant.objects.all()
    with hub_scope():
        held = Tenant.objects.filter(pk__in=list(Membership.objects.filter(user=user).values_list("tenant", flat=True)))
    if user.confined_to is None:
        return held
    return held.filter(models.Q(pk__in=user.confined_to) | models.Q(sandbox_of__in=user.confined_to))
