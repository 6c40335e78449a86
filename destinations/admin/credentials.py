"""Credentials: the list, the form with the pasted token, the links for account holders and what they did."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from destinations.admin.base import GuardedAdmin
from destinations.choices import COLOURS, CredentialStatus, LinkKind, LinkStatus
from destinations.forms import CredentialForm
from destinations.models import Credential, CredentialLink
from destinations.scopes import scopes_missing, scopes_words
from destinations.services import (
    AuthorizationError,
    credential_check,
    credential_delete,
    credential_usage_check,
    link_create,
    link_withdraw,
)
from destinations.templatetags.destination_tags import ago
from destinations.views import site_url
from tiktok_hub.admin import shown
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.shell import root_url, tenant_site

VIEW, AUTHORISE = "destinations.view_credential", "destinations.authorise_credential"
#: How long a new link may live (words → days), besides the installation's own default.
LIFETIMES = {"1 hour": 1 / 24, "1 day": 1.0, "7 days": 7.0, "30 days": 30.0}
SECRET_LIFETIME = "1 day"  # noqa: S105 - words for a time
LINKS_SHOWN = 5


@admin.register(Credential, site=tenant_site)
class CredentialAdmin(GuardedAdmin):
    """Connections to TikTok."""

    form = CredentialForm
    list_display = ("name", "kind", "state", "reaches", "usage", "last_check")
    list_filter = ("status", "type")
    search_fields = ("name", "description")
    empty_title = "No TikTok account is connected yet"
    empty_text = (
        "A credential is what TikTok lets us in with. Add one, then authorise it at TikTok, send a link to whoever "
        "holds the account, or paste a token."
    )
    change_form_outer_before_template = "destinations/credential/status.html"
    change_form_outer_after_template = "destinations/credential/panels.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        """Count the destinations of each."""
        found: QuerySet[Credential] = super().get_queryset(request)
        return found.annotate(uses=Count("destinations"))

    @shown("Plugin type", ordering="type")
    def kind(self, credential: Credential) -> str:
        """Return the type in words."""
        return str(credential.get_type_display())

    @shown("Status", ordering="status", label=COLOURS)
    def state(self, credential: Credential) -> tuple[str, str]:
        """Return the status with its label."""
        return credential.status, credential.get_status_display()

    @shown("Advertisers")
    def reaches(self, credential: Credential) -> str:
        """Say which ad accounts the credential reaches."""
        names = [row["name"] or row["id"] for row in credential.advertisers]
        return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")  # noqa: PLR2004

    @shown("Used by", ordering="uses")
    def usage(self, credential: Credential) -> str:
        """Say how many destinations use it."""
        uses = getattr(credential, "uses", 0)
        return f"{uses} destination{'' if uses == 1 else 's'}"

    @shown("Last checked", ordering="checked_at")
    def last_check(self, credential: Credential) -> str:
        """Say when TikTok was asked."""
        return ago(credential.checked_at) if credential.checked_at else "never"

    def get_fieldsets(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        """Show the token's field to those who may authorise."""
        fieldsets: list[tuple[str | None, dict[str, Any]]] = [(None, {"fields": ["name", "type", "description"]})]
        if request.user.has_perm(AUTHORISE):
            fieldsets.append(("Token", {"fields": ["token"]}))
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Credential | None = None) -> list[str]:
        """Fix the type once the credential exists: its destinations depend on it."""
        return ["type"] if obj else []

    def save_model(self, request: HttpRequest, obj: Credential, form: CredentialForm, change: bool) -> None:
        """Store a pasted token with the rest."""
        form.token_put(str(request.user))
        super().save_model(request, obj, form, change)
        if form.found is not None:
            audit_record(Action.TOKEN_STORED, obj)
        if form.found is not None and form.found.note:
            messages.info(request, form.found.note)

    @method_decorator(sensitive_post_parameters("token"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Add what is known about the credential."""
        found = self.get_object(request, object_id) if object_id else None
        panels = self.panels(request, found) if found is not None else {}
        response: HttpResponseBase = super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **panels}
        )
        return response

    def panels(self, request: HttpRequest, credential: Credential) -> dict[str, Any]:
        """Return what the page shows besides the form."""
        return {
            **self.live_context(credential),
            "colour": COLOURS.get(credential.status, "default"),
            "may_authorise": request.user.has_perm(AUTHORISE),
            "scopes": scopes_words(credential.scopes),
            "scopes_missing": scopes_missing(credential.type, credential.scopes) if credential.scopes else [],
            "used_by": list(credential.destinations.all()),
            "lifetimes": _lifetimes(),
            "lifetime": _default_lifetime(),
            "secret_lifetime": SECRET_LIFETIME,
        }

    def live_context(self, credential: Credential) -> dict[str, Any]:
        """Return what the polled fragment shows: the status and the latest links."""
        links = list(credential.links.select_related("created_by")[:LINKS_SHOWN])
        return {
            "credential": credential,
            "colour": COLOURS.get(credential.status, "default"),
            "links": [(link, *_link_state(link)) for link in links],
            "waiting": any(link.is_open for link in links),
        }

    def page_urls(self) -> list[URLPattern]:
        """Return the buttons and the live fragment."""
        return [
            self.object_page("live/", self.live, permission=VIEW),
            self.object_page("link/", self.link, permission=AUTHORISE, method="POST"),
            self.object_page("secret-link/", self.secret_link, permission=AUTHORISE, method="POST"),
            self.object_page("connect/", self.connect, permission=AUTHORISE, method="POST"),
            self.object_page("check/", self.check_now, permission=AUTHORISE, method="POST"),
            self.object_page("links/<int:link_id>/withdraw/", self.withdraw, permission=AUTHORISE, method="POST"),
        ]

    def live(self, request: HttpRequest, credential: Credential) -> HttpResponse:
        """Return the state of the credential and its links, as a fragment."""
        context = {**self.live_context(credential), "may_authorise": request.user.has_perm(AUTHORISE)}
        return render(request, "destinations/credential/live.html", context)

    def link(self, request: HttpRequest, credential: Credential) -> HttpResponseBase:
        """Make an authorization link and show it, this once, in full."""
        return self._link_made(request, credential, LinkKind.AUTHORIZATION)

    def secret_link(self, request: HttpRequest, credential: Credential) -> HttpResponseBase:
        """Make a link by which somebody hands over a token, and show it, this once, in full."""
        return self._link_made(request, credential, LinkKind.SECRET)

    def _link_made(self, request: HttpRequest, credential: Credential, kind: LinkKind) -> HttpResponseBase:
        try:
            link, address = link_create(
                credential=credential, by=_user(request), kind=kind, days=_days(request), site_url=_site(request)
            )
        except AuthorizationError as error:
            return self._refused(request, credential, error)
        context = {"title": kind.label, "link": link, "address": address, **self.live_context(credential)}
        return _unseen(self.page(request, "destinations/credential/link.html", **context))

    def connect(self, request: HttpRequest, credential: Credential) -> HttpResponseBase:
        """Go through the authorization in this browser, with a link that lives for an hour."""
        try:
            _, address = link_create(
                credential=credential, by=_user(request), days=LIFETIMES["1 hour"], site_url=_site(request)
            )
        except AuthorizationError as error:
            return self._refused(request, credential, error)
        return _unseen(redirect(address))

    def check_now(self, request: HttpRequest, credential: Credential) -> HttpResponseBase:
        """Check the credential at TikTok."""
        found = credential_check(credential=credential)
        if credential.status == CredentialStatus.AUTHORISED and not found.problem:
            messages.success(request, found.note or f"TikTok accepts the credential “{credential}”.")
        else:
            messages.error(request, found.problem)
        return redirect(self.url("change", credential))

    def withdraw(self, request: HttpRequest, credential: Credential, link_id: int) -> HttpResponseBase:
        """Make a link useless."""
        link_withdraw(link=get_object_or_404(credential.links.all(), pk=link_id))
        return redirect(self.url("change", credential))

    def _refused(self, request: HttpRequest, credential: Credential, error: AuthorizationError) -> HttpResponse:
        messages.error(request, error.sentence)
        return redirect(self.url("change", credential))

    def usage_check(self, obj: Credential) -> None:
        """Say which destinations use it."""
        credential_usage_check(credential=obj)

    def delete_checked(self, obj: Credential) -> None:
        """Delete it, unless destinations use it."""
        credential_delete(credential=obj)


def _user(request: HttpRequest) -> Any:
    return request.user


def _site(request: HttpRequest) -> str:
    """Return where people outside of the tenant reach this installation, with the server's own prefix."""
    return site_url(request) + root_url()


def _unseen(response: HttpResponseBase) -> HttpResponseBase:
    """Keep a page that holds a link's secret out of caches and away from other sites."""
    response["Cache-Control"] = "no-store, private"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _days(request: HttpRequest) -> float:
    """Return the chosen lifetime in days; anything that was not offered is the default."""
    offered = _lifetimes()
    return offered.get(request.POST.get("lifetime", ""), offered[_default_lifetime()])


def _lifetimes() -> dict[str, float]:
    """Return what is offered, words → days; the installation's own default among them."""
    default = float(settings.HUB_AUTHORIZATION_DAYS)
    known = default in LIFETIMES.values()
    own = {} if known else {f"{default:g} day{'' if default == 1 else 's'}": default}
    return {**LIFETIMES, **own}


def _default_lifetime() -> str:
    default = float(settings.HUB_AUTHORIZATION_DAYS)
    return next(words for words, days in _lifetimes().items() if days == default)


def _link_state(link: CredentialLink) -> tuple[str, str]:
    """Return a link's state in words and its colour."""
    if link.status == LinkStatus.OPEN and link.expires_at <= timezone.now():
        return "Expired", "default"
    if link.status == LinkStatus.OPEN:
        at_tiktok = "At TikTok" if link.state_hash else ""
        return at_tiktok or ("Opened" if link.opened_at else "Waiting"), "info"
    return str(link.get_status_display()), COLOURS.get(link.status, "default")
