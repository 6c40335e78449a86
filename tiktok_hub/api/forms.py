"""The form in which a key is made."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from tiktok_hub.api.models import ApiKey

DAYS = {"30": "30 days", "90": "90 days", "365": "1 year", "": "until it is revoked"}


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the key is for, and how long it lives."""

    days = forms.ChoiceField(
        label="Lives", choices=list(DAYS.items()), required=False, initial="90", widget=UnfoldAdminSelectWidget()
    )

    class Meta:
        model = ApiKey
        fields = ("name",)

    def clean_days(self) -> int | None:
        """Return days; None for a key without an end."""
        days: Any = self.cleaned_data["days"]
        return int(days) if days else None
