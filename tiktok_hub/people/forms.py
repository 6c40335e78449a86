"""Forms of people: what they may do, and how they come in."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.forms import PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.db import models
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

from tiktok_hub.people.invitations import open_invitation_exists
from tiktok_hub.people.models import Invitation
from tiktok_hub.tenancy.administration import AdministrationError, giving_check
from tiktok_hub.tenancy.forms import OptionFields, options_chosen
from tiktok_hub.tenancy.models import Membership, User


class InvitationForm(OptionFields, forms.ModelForm):  # type: ignore[misc,type-arg]
    """Invite an address as something; `giver` is who does."""

    giver: Membership

    email = forms.EmailField(
        label="E-mail",
        widget=UnfoldAdminEmailInputWidget(),
        help_text="Whoever opens the link joins with the account of this address, or makes one.",
    )

    class Meta:
        model = Invitation
        fields = ("email", "policy")

    def clean_email(self) -> str:
        """Refuse somebody who is a member, or has an invitation that can still be used."""
        email = str(self.cleaned_data["email"]).lower()
        if Membership.objects.filter(user__email=email).exists():
            raise forms.ValidationError(f"{email} is a member of this tenant already.")
        if open_invitation_exists(self.giver.tenant, email):
            raise forms.ValidationError(
                f"{email} is invited already. Send that invitation again, or withdraw it, in the list of invitations."
            )
        return email

    def clean(self) -> dict[str, Any]:
        """Refuse to give more than the giver may do."""
        cleaned = super().clean() or {}
        if "policy" in cleaned:
            try:
                giving_check(self.giver, cleaned["policy"], options_chosen(cleaned))
            except AdministrationError as error:
                self.add_error("policy", str(error))
        return cleaned


class RegistrationForm(forms.Form):
    """Set a name and a password for the account that an invitation makes."""

    name = forms.CharField(
        label="Your name", max_length=120, widget=UnfoldAdminTextInputWidget({"autocomplete": "name"})
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
    )
    again = forms.CharField(
        label="Password again", strip=False, widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        self.email = email
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        """Hold the password to the configured rules."""
        cleaned = super().clean() or {}
        password, again = cleaned.get("password"), cleaned.get("again")
        if password and again and password != again:
            self.add_error("again", "The two passwords differ.")
        elif password:
            try:
                password_validation.validate_password(password, User(email=self.email, name=cleaned.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned


def _dress(fields: Iterable[forms.Field]) -> None:
    """Give Django's password forms the theme's look."""
    for field in fields:
        widget = (
            UnfoldAdminPasswordWidget if isinstance(field.widget, forms.PasswordInput) else UnfoldAdminEmailInputWidget
        )
        field.widget = widget({"autocomplete": field.widget.attrs.get("autocomplete", "")})


class OwnPasswordForm(PasswordChangeForm):  # type: ignore[type-arg]
    """Change one's own password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields.values())


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """Set a password after a link that came by e-mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields.values())


class ForgottenForm(PasswordResetForm):
    """Ask for a link to set a new password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields.values())

    def get_users(self, email: str) -> models.QuerySet[User]:  # type: ignore[override]
        """Return whoever has this address, also those who have no password yet."""
        return User.objects.filter(email=email.lower(), is_active=True)


class SignOnForm(forms.Form):
    """Name the tenant whose single sign-on to use."""

    tenant = forms.CharField(
        label="Tenant or e-mail",
        max_length=254,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "username", "autocapitalize": "none"}),
        help_text="The first part of your tenant's address here, or your e-mail address at work.",
    )
