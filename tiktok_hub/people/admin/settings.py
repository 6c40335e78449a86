"""What administrators set for the whole tenant: its name and zone, the second factor, single sign-on."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from tiktok_hub import outbound
from tiktok_hub.admin import PageAdmin
from tiktok_hub.people.factors import has_factor
from tiktok_hub.people.models import GroupRule, SingleSignOn
from tiktok_hub.people.oidc import callback_url
from tiktok_hub.people.sessions import proved
from tiktok_hub.people.sign_on import identities_forget
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.choices import Option
from tiktok_hub.tenancy.models import Tenant, User
from tiktok_hub.tenancy.scope import current_tenant

VIEW, CHANGE = "tenancy.view_tenant", "tenancy.change_tenant"


class OnePageAdmin(PageAdmin):
    """Pages of the one thing of its kind that a tenant has; administrators only."""

    list_display = ("__str__",)
    actions = ()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """Go to the one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_queryset(request).first()
        return redirect(self.url("change", found) if found else self.url("add"))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponseBase:
        """Have no such page."""
        raise Http404

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to administrators."""
        return request.user.has_perm(VIEW)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those see it who see the tenant's settings."""
        return request.user.has_perm(VIEW)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those change it who change the tenant's settings."""
        return request.user.has_perm(CHANGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let nobody add another."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody delete it."""
        return False


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Change a tenant's settings; `user` and `is_proved` say who does, and whether single sign-on vouched for them."""

    user: User
    is_proved: bool

    class Meta:
        model = Tenant
        fields = ("name", "time_zone", "default_country", "require_mfa")

    def clean_require_mfa(self) -> bool:
        """Refuse to ask others for what one does not have oneself: one would be locked out with the next click."""
        wanted = bool(self.cleaned_data["require_mfa"])
        if wanted and not self.instance.require_mfa and not (self.is_proved or has_factor(self.user)):
            raise ValidationError("Set up a second factor for your own account first (Your account, in the menu).")
        return wanted


@admin.register(Tenant, site=tenant_site)
class SettingsAdmin(OnePageAdmin):
    """The opened tenant's own settings."""

    form = SettingsForm
    fields = ("name", "slug", "time_zone", "default_country", "require_mfa")
    readonly_fields = ("slug",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """Return the opened tenant."""
        return Tenant.objects.filter(pk=cast("Tenant", current_tenant()).pk)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponseBase:
        """Have no such page: the platform makes tenants."""
        raise Http404

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who asks."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.user, form.is_proved = request.user, bool(obj and obj.pk in proved(request))
        return form

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        """Store the settings."""
        obj.save()


class SignOnForm(forms.ModelForm):  # type: ignore[type-arg]
    """Enter a provider; `is_proved` says whether it let in whoever does."""

    is_proved: bool

    secret = forms.CharField(
        label="Client secret",
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}, render_value=False),
        help_text="Never shown again. Leave empty to keep the present one.",
    )

    class Meta:
        model = SingleSignOn
        fields = ("enabled", "server_url", "client_id", "groups_claim", "passwords_allowed")

    def clean_server_url(self) -> str:
        """Refuse addresses that the hub does not go to."""
        return outbound.url_check(str(self.cleaned_data["server_url"])).rstrip("/")

    def clean(self) -> dict[str, Any]:
        """Ask for a secret once, and again for another provider, which must not get to know the old one's."""
        cleaned = super().clean() or {}
        moved = {"server_url", "client_id"} & set(self.changed_data)
        if not cleaned.get("secret") and (moved or not self.instance.client_secret):
            self.add_error("secret", "Enter the secret that the provider gave out for this client ID.")
        only = cleaned.get("enabled") and not cleaned.get("passwords_allowed")
        switched = {"enabled", "passwords_allowed"} & set(self.changed_data)
        if only and (moved or (switched and not self.is_proved)):
            self.add_error(
                "passwords_allowed",
                "First log in through single sign-on yourself, so that it is known to work. Then switch passwords off.",
            )
        return cleaned

    def save(self, commit: bool = True) -> SingleSignOn:
        """Store the secret where one was typed."""
        if self.cleaned_data.get("secret"):
            self.instance.client_secret = self.cleaned_data["secret"]
        return cast("SingleSignOn", super().save(commit))


class GroupRuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Say what a group is."""

    options = forms.MultipleChoiceField(
        choices=Option.choices, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )

    class Meta:
        model = GroupRule
        fields = ("group", "policy", "options")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Name the fields for screen readers: in a table, only the head of the column does."""
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = field.label


class GroupRuleInline(TabularInline):  # type: ignore[misc]
    """The table group → policy."""

    model = GroupRule
    form = GroupRuleForm
    extra = 1
    verbose_name_plural = "groups: the first that somebody is in counts"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Follow the page."""
        return request.user.has_perm(VIEW)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Follow the page."""
        return request.user.has_perm(CHANGE)

    has_add_permission = has_delete_permission = has_change_permission


@admin.register(SingleSignOn, site=tenant_site)
class SignOnAdmin(OnePageAdmin):
    """The tenant's single sign-on."""

    form = SignOnForm
    inlines = (GroupRuleInline,)
    readonly_fields = ("callback",)

    def get_fieldsets(self, request: HttpRequest, obj: SingleSignOn | None = None) -> Any:
        """Show what to enter at the provider beside what to enter here."""
        fields = ["enabled", "server_url", "client_id", "secret", "callback", "groups_claim", "passwords_allowed"]
        return [(None, {"fields": fields})]

    @admin.display(description="Redirect address")
    def callback(self, obj: SingleSignOn | None) -> str:
        """Return the address to enter at the provider."""
        return str(getattr(obj, "callback_address", "")) or "Shown once this is saved."

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> SingleSignOn | None:
        """Work out the redirect address, which depends on where the hub is reached."""
        found: SingleSignOn | None = super().get_object(request, object_id, from_field)
        if found is not None:
            found.__dict__["callback_address"] = callback_url(request, found)
        return found

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let there be one."""
        return request.user.has_perm(CHANGE) and not SingleSignOn.objects.exists()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form whether the provider let in whoever enters it."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.is_proved = cast("Tenant", current_tenant()).pk in proved(request)
        return form

    def save_model(self, request: HttpRequest, obj: SingleSignOn, form: Any, change: bool) -> None:
        """Store it; another provider starts without knowing anybody."""
        super().save_model(request, obj, form, change)
        if "server_url" in form.changed_data:
            identities_forget(obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Write the rules into the opened tenant."""
        for rule in formset.save(commit=False):
            rule.tenant = current_tenant()
            rule.save()
        for rule in formset.deleted_objects:
            rule.delete()

    @method_decorator(sensitive_post_parameters("secret"))
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Keep the secret out of error reports."""
        return super().changeform_view(request, object_id, form_url, extra_context)
