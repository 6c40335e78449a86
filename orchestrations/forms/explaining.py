"""The form of the hash explainer: a value that is kept nowhere, and what must be known to hash it."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from orchestrations.models import Audience

LONGEST = 300
# What keeps browsers from remembering, completing, correcting or sending away what is typed.
PRIVATE = {"autocomplete": "off", "autocapitalize": "off", "autocorrect": "off", "spellcheck": "false"}


class ValueWidget(UnfoldAdminTextInputWidget):  # type: ignore[misc]
    """A field that never gives back what was typed into it."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Render it empty."""
        return super().get_context(name, None, attrs)  # type: ignore[no-any-return]


class ExplainForm(forms.Form):
    """Type of id, the value, the country for phones, and the audience in which to look for the digests."""

    kind = forms.ChoiceField(
        label="Type", choices=[("EMAIL", "E-mail address"), ("PHONE", "Phone number"), ("DEVICE", "Device ID")],
        widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    value = forms.CharField(
        max_length=LONGEST, strip=False, widget=ValueWidget(attrs=PRIVATE),
        help_text="As it stands in your data: blanks and capitals matter to what is shown.",
    )  # fmt: skip
    country = forms.RegexField(
        r"^[A-Za-z]{2}$", required=False, widget=UnfoldAdminTextInputWidget(attrs={**PRIVATE, "maxlength": 2}),
        help_text="Two letters, for phone numbers without a country code.",
        error_messages={"invalid": "Two letters, as in US."},
    )  # fmt: skip
    audience: Any = forms.ModelChoiceField(
        queryset=Audience.objects.none(), required=False, empty_label="no audience", widget=UnfoldAdminSelectWidget(),
        label="Look for it in", help_text="Whether the digest is among those that TikTok was told.",
    )  # fmt: skip

    def __init__(self, *args: Any, audiences: QuerySet[Audience], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["audience"]
        field.queryset = audiences

    @sensitive_variables()
    def clean_value(self) -> str:
        """Refuse a value of nothing but blanks."""
        value = str(self.cleaned_data["value"])
        if not value.strip():
            raise forms.ValidationError("Type a value.")
        return value

    def clean_country(self) -> str:
        """Take small letters too."""
        return str(self.cleaned_data["country"]).upper()
