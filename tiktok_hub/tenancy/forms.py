"""Forms for members, people and tenants."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget

from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, User


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """Add somebody by e-mail address, or change what they may do."""

    email = forms.EmailField(
        label="E-mail",
        widget=UnfoldAdminEmailInputWidget(),
        help_text="Somebody known here is added; somebody new is created and needs a password from the platform.",
    )

    class Meta:
        model = Membership
        fields = ("policy", "restrict_pii")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["email"].initial = self.instance.user.email
            self.fields["email"].disabled = True

    def clean_email(self) -> str:
        """Refuse somebody who is a member already."""
        email = str(self.cleaned_data["email"]).lower()
        if not self.instance.pk and Membership.objects.filter(user__email=email).exists():
            raise forms.ValidationError(f"{email} is a member of this tenant already.")
        return email

    def clean_policy(self) -> str:
        """Keep at least one administrator."""
        policy = str(self.cleaned_data["policy"])
        if self.instance.pk and policy != Policy.ADMINISTRATOR and membership_is_last_administrator(self.instance):
            raise forms.ValidationError("This is the last Datagrid Administrator. Make somebody else one first.")
        return policy

    def save(self, commit: bool = True) -> Membership:
        """Find or create the person."""
        if not self.instance.pk:
            email = self.cleaned_data["email"]
            self.instance.user = User.objects.filter(email=email).first() or User.objects.create_user(email)
        return super().save(commit)


def membership_is_last_administrator(membership: Membership) -> bool:
    """Say whether nobody else administers the membership's tenant."""
    administrators = Membership.objects.filter(policy=Policy.ADMINISTRATOR, user__is_active=True)
    stored = administrators.filter(pk=membership.pk).exists()
    return stored and not administrators.exclude(pk=membership.pk).exists()


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

    def save(self, commit: bool = True) -> User:
        """Set the password when one was typed."""
        if self.cleaned_data.get("password"):
            self.instance.set_password(self.cleaned_data["password"])
        elif not self.instance.pk:
            self.instance.set_unusable_password()
        return super().save(commit)
