"""Destinations: choose a plugin, configure it, test the connection; business users see those opened to them."""

from collections.abc import Mapping
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from destinations import specs
from destinations.admin.base import GuardedAdmin
from destinations.choices import COLOURS, CredentialType, StepStatus
from destinations.facts import FACTS
from destinations.forms import DestinationForm, setting_fields
from destinations.models import Credential, Destination, destinations_usable_by
from destinations.services import (
    audience_names_list,
    destination_clone,
    destination_delete,
    destination_test,
    destination_usage_check,
    event_sources_list,
)
from destinations.specs.base import Setting, Spec
from destinations.templatetags.destination_tags import ago
from tiktok_hub.admin import shown
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.middleware import TenantRequest

ADD, CHANGE, TEST = (f"destinations.{action}_destination" for action in ("add", "change", "test"))
MOST_CHOICES = 200


@admin.register(Destination, site=tenant_site)
class DestinationAdmin(GuardedAdmin):
    """Where orchestrations can send to."""

    form = DestinationForm
    list_display = ("name", "plugin_label", "credential_name", "access", "use", "connection", "last_check")
    list_filter = ("enabled", "admin_only", "pii_setting")
    list_select_related = ("credential",)
    empty_title = "No destination yet"
    empty_text = (
        "A destination is where rows go: an ad account with its event set, pixel or audience, reached by a credential. "
        "People see those that are open to them; an administrator creates them."
    )
    search_fields = ("name", "description", "credential__name")
    change_form_outer_before_template = "destinations/destination/status.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Destination]:
        """Return the destinations that are open to this person."""
        found = destinations_usable_by(cast(TenantRequest, request).membership)
        return found.select_related("credential", "tenant").order_by("name")

    @shown("Plugin", ordering="plugin")
    def plugin_label(self, destination: Destination) -> str:
        """Return the plugin's name."""
        return destination.spec.label

    @shown("Credential", ordering="credential__name")
    def credential_name(self, destination: Destination) -> str:
        """Return the credential's name, without a link: not everybody may open it."""
        return str(destination.credential)

    @shown("Business-user access")
    def access(self, destination: Destination) -> str:
        """Say who may use it."""
        if destination.admin_only:
            return "Admin only"
        return "PII setting" if destination.pii_setting else "All who may see PII"

    @shown("Enabled", ordering="enabled", label={"Enabled": "success", "Disabled": "warning"})
    def use(self, destination: Destination) -> str:
        """Say whether runs may use it."""
        return "Enabled" if destination.enabled else "Disabled"

    @shown("Connection", label=COLOURS)
    def connection(self, destination: Destination) -> tuple[str, str] | None:
        """Sum up the last connection test."""
        statuses = {row["status"] for row in destination.checks}
        if not statuses:
            return None
        worst = next(
            status for status in (StepStatus.FAILED, StepStatus.PASSED, StepStatus.SKIPPED) if status in statuses
        )
        words = {StepStatus.FAILED: "Failed", StepStatus.PASSED: "Passed", StepStatus.SKIPPED: "Not readable"}
        return worst, words[worst]

    @shown("Last check", ordering="checked_at")
    def last_check(self, destination: Destination) -> str:
        """Say when the connection was tested."""
        return ago(destination.checked_at) if destination.checked_at else "never"

    @admin.display(description="Settings")
    def settings_shown(self, destination: Destination) -> SafeString:
        """Return the settings for those who only read them."""
        known = {setting.name: setting for setting in destination.spec.settings}
        rows = (
            (known[name].label, _words(known[name], value))
            for name, value in destination.settings.items()
            if name in known
        )
        return format_html('<dl class="dst-facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))

    def get_fieldsets(self, request: HttpRequest, obj: Destination | None = None) -> Any:
        """Show what a plugin declares as fields; to those who only read, as a list."""
        access = {"fields": ["admin_only", "pii_setting"], "description": ACCESS}
        if not self._may_edit(request, obj):
            fields = ["name", "plugin_label", "credential_name", "description", "access", "use"]
            return [(None, {"fields": fields}), ("Settings", {"fields": ["settings_shown"]})]
        spec = self._spec(request, obj)
        facts = format_html('<ul class="dst-facts-list">{}</ul>', format_html_join("", "<li>{}</li>", _facts(spec)))
        return [
            (None, {"fields": ["name", "credential", "description"]}),
            ("Settings", {"fields": list(setting_fields(spec)), "description": facts}),
            ("Business-user access", access),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Destination | None = None) -> list[str]:
        """Everything is shown as text to those who only read."""
        if self._may_edit(request, obj):
            return []
        return ["name", "plugin_label", "credential_name", "description", "access", "use", "settings_shown"]

    def get_form(
        self, request: HttpRequest, obj: Destination | None = None, change: bool = False, **kwargs: Any
    ) -> "type[ModelForm[Destination]]":
        """Build the form of the plugin."""
        if self._may_edit(request, obj):
            spec = self._spec(request, obj)
            kwargs["form"] = type("DestinationForm", (DestinationForm,), {**setting_fields(spec), "spec": spec})
        else:
            kwargs["form"] = ModelForm
        form: type[ModelForm[Destination]] = super().get_form(request, obj, change=change, **kwargs)
        return form

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Let people choose a plugin first."""
        if self.has_add_permission(request) and _plugin(request) is None:
            return self.page(
                request, "destinations/destination/plugins.html", title="Choose a plugin", plugins=_cards()
            )
        view: HttpResponseBase = super().add_view(request, form_url, extra_context)
        return view

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Add the connection test, and where the choices for settings come from."""
        found = self.get_object(request, object_id) if object_id else None
        extra = {
            "steps": found.checks if found else [],
            "may_test": request.user.has_perm(TEST),
            "may_change": self._may_edit(request, found),
            "may_clone": request.user.has_perm(ADD),
            "plugin": self._spec(request, found) if found or _plugin(request) else None,
            "options_url": self.url("options"),
        }
        response: HttpResponseBase = super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **extra}
        )
        return response

    def save_model(self, request: HttpRequest, obj: Destination, form: DestinationForm, change: bool) -> None:
        """Write what validation has put together: settings, and the steps of the connection test."""
        super().save_model(request, obj, form, change)
        messages.success(request, "The connection was tested.")

    def get_urls(self) -> list[URLPattern]:
        """Add the page that offers choices for settings."""
        view = self.admin_site.admin_view(self.options)
        return [path("options/", view, name="destinations_destination_options"), *super().get_urls()]

    def page_urls(self) -> list[URLPattern]:
        """Return the buttons."""
        return [
            self.object_page("test/", self.test, permission=TEST, method="POST"),
            self.object_page("clone/", self.clone, permission=ADD, method="POST"),
            self.object_page("enable/", self.enable, permission=CHANGE, method="POST"),
            self.object_page("disable/", self.disable, permission=CHANGE, method="POST"),
        ]

    def options(self, request: HttpRequest) -> HttpResponse:
        """Offer the credential's ad accounts, and what the (first) chosen one has, as a fragment."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        credential = None
        if request.GET.get("credential", "").isdecimal():
            credential = Credential.objects.filter(pk=request.GET["credential"]).first()
        context = _options(credential, request.GET) if credential else {}
        return render(request, "destinations/destination/options.html", context)

    def test(self, request: HttpRequest, destination: Destination) -> HttpResponseBase:
        """Test the connection, and show the steps."""
        steps = [step.as_record() for step in destination_test(destination=destination)]
        if getattr(request, "htmx", False):
            context = {"steps": steps, "original": destination, "may_test": True}
            return render(request, "destinations/destination/steps.html", context)
        return redirect(self.url("change", destination))

    def clone(self, request: HttpRequest, destination: Destination) -> HttpResponseBase:
        """Copy it under another name, disabled."""
        copy = destination_clone(destination=destination)
        messages.success(request, f"This is the copy “{copy}”. It is disabled until you enable it.")
        return redirect(self.url("change", copy))

    def enable(self, request: HttpRequest, destination: Destination) -> HttpResponseBase:
        """Let runs use it."""
        return self._switch(request, destination, enabled=True)

    def disable(self, request: HttpRequest, destination: Destination) -> HttpResponseBase:
        """Refuse runs."""
        return self._switch(request, destination, enabled=False)

    def _switch(self, request: HttpRequest, destination: Destination, *, enabled: bool) -> HttpResponseBase:
        destination.enabled = enabled
        destination.save(update_fields=["enabled"])
        return redirect(self.url("change", destination))

    def usage_check(self, obj: Destination) -> None:
        """Say which orchestrations send to it."""
        destination_usage_check(destination=obj)

    def delete_checked(self, obj: Destination) -> None:
        """Delete it, unless orchestrations send to it."""
        destination_delete(destination=obj)

    def _may_edit(self, request: HttpRequest, obj: Destination | None) -> bool:
        if obj is None:
            return bool(self.has_add_permission(request))
        return bool(self.has_change_permission(request, obj))

    def _spec(self, request: HttpRequest, obj: Destination | None) -> Spec:
        """Return the plugin of the destination, or the one chosen for a new one."""
        return obj.spec if obj else cast(Spec, _plugin(request))


ACCESS = "Without a tick, everybody in the tenant who may see personal data can use this destination."


def _plugin(request: HttpRequest) -> Spec | None:
    return next((spec for spec in specs.all() if spec.key == request.GET.get("plugin")), None)


def _cards() -> list[dict[str, Any]]:
    """Return the plugins to choose from, with how many credentials each could use."""
    types = list(Credential.objects.values_list("type", flat=True))
    return [
        {"spec": spec, "credentials": types.count(spec.credential_type), "type": CredentialType(spec.credential_type)}
        for spec in specs.all()
    ]


def _options(credential: Credential, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what TikTok knows for the settings as they are typed."""
    single, several = typed.get("setting_advertiser_id", ""), typed.get("setting_advertiser_ids", "")
    advertiser = (single or several.split(",")[0]).strip()
    known = {str(row["id"]) for row in credential.advertisers}
    audiences = audience_names_list(
        credential=credential,
        advertiser_id=advertiser if advertiser in known or not known else "",
        transport=typed.get("setting_transport", ""),
    )
    sources = event_sources_list(
        credential=credential, advertiser_id=advertiser, kind=typed.get("setting_event_source", "")
    )
    return {
        "advertisers": credential.advertisers[:MOST_CHOICES],
        "sources": sources[:MOST_CHOICES],
        "audiences": audiences[:MOST_CHOICES],
    }


def _facts(spec: Spec) -> list[tuple[str]]:
    return [(fact,) for fact in FACTS.get(spec.credential_type, ())]


def _words(setting: Setting, value: object) -> str:
    """Return a setting's value as people read it; a secret one stays hidden."""
    if setting.secret:
        return "•••"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    labels = dict(setting.choices)
    values = value if isinstance(value, list) else [value]
    return ", ".join(labels.get(str(each), str(each)) for each in values)
