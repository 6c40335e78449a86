"""Forms for members, people and tenants."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.forms.models import fields_for_model
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from tiktok_hub.tenancy.administration import (
    AdministrationError,
    membership_change_check,
    user_leaving_check,
)
from tiktok_hub.tenancy.choices import Option
from tiktok_hub.tenancy.models import Membership, User

RESTRICTING = tuple(option.value for option in Option if option.value.startswith("restrict_"))
ALLOWING = tuple(option.value for option in Option if option.value.startswith("allow_"))


def option_fieldsets() -> list[tuple[str | None, dict[str, Any]]]:
    """Return the options in two groups, as fieldsets of an admin page."""
    return [("Restrict", {"fields": RESTRICTING}), ("Allow", {"fields": ALLOWING})]


def options_chosen(cleaned: dict[str, Any]) -> frozenset[Option]:
    """Return the options that a form has ticked."""
    return frozenset(option for option in Option if cleaned.get(option.value))


class OptionFields(forms.Form):
    """The options of a membership as tick boxes, for forms that are about something else than a membership."""

    vars().update(
        fields_for_model(
            Membership,
            [option.value for option in Option],
            widgets={option.value: UnfoldBooleanSwitchWidget() for option in Option},
        )
    )


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """Change what a member may do; `giver` is the membership of who does."""

    giver: ClassVar[Membership | None] = None

    class Meta:
        model = Membership
        fields = ("policy", *RESTRICTING, *ALLOWING)

    def clean(self) -> dict[str, Any]:
        """Hold the change to the rules of user administration."""
        cleaned = super().clean() or {}
        if "policy" in cleaned:
            stored = Membership.objects.select_related("user", "tenant").get(pk=self.instance.pk)
            try:
                membership_change_check(
                    giver=self.giver, stored=stored, policy=cleaned["policy"], options=options_chosen(cleaned)
                )
            except AdministrationError as error:
                self.add_error("policy" if cleaned["policy"] != stored.policy else None, str(error))
        return cleaned


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create or change a person on the platform."""

    password = forms.CharField(
        label="New password",
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(render_value=False),
        help_text="Leave empty to keep the present one.",
    )

    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_superuser")

    def clean_password(self) -> str:
        """Hold passwords to the configured rules."""
        password = str(self.cleaned_data.get("password") or "")
        if password:
            validate_password(password, self.instance)
        return password

    def clean_is_active(self) -> bool:
        """Keep whoever is the last administrator of a tenant."""
        active = bool(self.cleaned_data["is_active"])
        if self.instance.pk and not active and User.objects.filter(pk=self.instance.pk, is_active=True).exists():
            try:
                user_leaving_check(self.instance)
            except AdministrationError as error:
                raise forms.ValidationError(str(error)) from None
        return active

    def save(self, commit: bool = True) -> User:
        """Set the password when one was typed."""
        if self.cleaned_data.get("password"):
            self.instance.set_password(self.cleaned_data["password"])
        elif not self.instance.pk:
            self.instance.set_unusable_password()
        return super().save(commit)
