"""Forms of channels and rules."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from destinations.forms import name_clean
from destinations.models import destinations_usable_by
from orchestrations.alerts.choices import PERCENT, USUAL_KINDS, ChannelKind, RuleKind
from orchestrations.alerts.models import Channel, Rule
from orchestrations.alerts.services import addresses_read, channel_check, rule_check
from orchestrations.models import Orchestration
from tiktok_hub.tenancy.models import Membership


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """Say where messages go, and which rules of the tenant tell this channel; a URL never comes back out."""

    addresses = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="One per line. Messages name orchestrations and numbers, and no customers.",
    )  # fmt: skip
    webhook_url = forms.CharField(
        label="URL", required=False, strip=True,
        widget=UnfoldAdminPasswordWidget(
            attrs={"autocomplete": "off", "spellcheck": "false", "data-1p-ignore": ""}, render_value=True
        ),
        help_text="Whoever knows it can write there: it is kept encrypted and never shown again. Leave it empty to "
        "keep the present one.",
    )  # fmt: skip
    tells = forms.MultipleChoiceField(
        label="Tells", required=False, choices=RuleKind.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="The tenant's rules that tell this channel. Every n-th time, percentages and single orchestrations "
        "are set on the rules themselves.",
    )  # fmt: skip

    class Meta:
        model = Channel
        fields = ("name", "kind", "addresses", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told = list(USUAL_KINDS)
        if self.instance.pk:
            told = list(self.instance.rules.filter(orchestration=None).values_list("kind", flat=True))
        self.initial["tells"] = [str(kind) for kind in told]
        self.initial["addresses"] = "\n".join(self.instance.addresses)

    def clean_name(self) -> str:
        """Keep names apart within the tenant."""
        return name_clean(self.instance, str(self.cleaned_data["name"]))

    def clean_addresses(self) -> list[str]:
        """Take addresses apart at line breaks, blanks, commas and semicolons."""
        return addresses_read(re.split(r"[\s,;]+", str(self.cleaned_data["addresses"])))

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """See that the channel leads somewhere."""
        cleaned = super().clean() or self.cleaned_data
        kind = str(cleaned.get("kind") or self.instance.kind)
        url = str(cleaned.get("webhook_url") or "") or (self.instance.url.reveal() if self.instance.url else "")
        if "addresses" not in self.errors:
            try:
                channel_check(kind=kind, addresses=cleaned.get("addresses", []), url=url)
            except ValidationError as error:
                for field, sentences in error.message_dict.items():
                    self.add_error("webhook_url" if field == "url" else field, sentences)
        return cleaned

    def save(self, commit: bool = True) -> Channel:
        """Store a URL that was typed, and what a channel of its kind has."""
        is_mail = (self.cleaned_data.get("kind") or self.instance.kind) == ChannelKind.EMAIL
        if self.cleaned_data.get("webhook_url") and not is_mail:
            self.instance.url = self.cleaned_data["webhook_url"]
        if not is_mail:
            self.instance.addresses = []
        channel: Channel = super().save(commit)
        return channel


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Say what is told to which channels."""

    membership: Membership

    orchestration: Any = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="All orchestrations", widget=UnfoldAdminSelectWidget(),
        help_text="An orchestration's own rule replaces the one of the same kind for all orchestrations.",
    )  # fmt: skip
    channels: Any = forms.ModelMultipleChoiceField(
        queryset=None, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="With none, it is told to nobody and only stands in the list of incidents: an orchestration's own "
        "rule without a channel keeps it quiet.",
    )  # fmt: skip

    class Meta:
        model = Rule
        fields = ("kind", "percent", "every", "recovery", "enabled")
        help_texts = {  # noqa: RUF012
            "percent": "For rejected rows: the share of the selected rows from which it is told (usually "
            f"{PERCENT[RuleKind.REJECTED]}). For the number of rows: how far it may lie from the median of the last "
            f"runs (usually {PERCENT[RuleKind.ROWS]}).",
            "every": "The first time is told, then every so many-th while it lasts.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "channels" in self.fields:
            self.fields["channels"].queryset = Channel.objects.all()  # type: ignore[attr-defined]
            self.initial["channels"] = list(self.instance.channels.all()) if self.instance.pk else []
        if "orchestration" in self.fields:
            usable = Orchestration.objects.filter(destination__in=destinations_usable_by(self.membership))
            self.fields["orchestration"].queryset = usable  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a second rule of a kind."""
        cleaned = super().clean() or self.cleaned_data
        rule = Rule(
            pk=self.instance.pk, kind=cleaned.get("kind") or self.instance.kind,
            orchestration=cleaned.get("orchestration", self.instance.orchestration),
        )  # fmt: skip
        if not self.errors:
            try:
                rule_check(rule)
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned
