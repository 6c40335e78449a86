"""The fields of an orchestration that keeps an audience: how it follows the query, and when a run waits."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from destinations.models import Destination
from orchestrations.choices import AudienceDeleted, SyncMode
from orchestrations.models import Orchestration

AUDIENCE = ("sync_mode", "max_removal_percent", "when_deleted")
HELP = {
    "sync_mode": "A run computes who joins and who leaves against what TikTok was told before.",
    "max_removal_percent": "A run that would remove a larger share of the audience's people waits until an "
    "administrator or operator releases it. So does one whose query returns nobody.",
    "when_deleted": "Somebody may delete the audience in TikTok Ads Manager.",
}


def audience_fields(
    destination: Destination, typed: Mapping[str, Any], orchestration: Orchestration
) -> dict[str, forms.Field]:
    """Return the fields for a destination that keeps an audience; `replace` is offered only where files are sent."""
    files = destination.settings.get("transport") == "file"
    modes = [(value, label) for value, label in SyncMode.choices if files or value != SyncMode.REPLACE]
    stored = {
        "sync_mode": orchestration.sync_mode or SyncMode.MIRROR,
        "max_removal_percent": orchestration.max_removal_percent,
        "when_deleted": orchestration.when_deleted,
    }
    common = {name: {"initial": typed.get(name, stored[name]), "help_text": HELP[name]} for name in AUDIENCE}
    select = UnfoldAdminSelectWidget
    limits = {"min": 0, "max": 100}
    return {
        "sync_mode": forms.ChoiceField(label="Sync mode", choices=modes, widget=select(), **common["sync_mode"]),
        "max_removal_percent": forms.IntegerField(
            label="Largest removal without a release, %",
            min_value=0,
            max_value=100,
            widget=UnfoldAdminIntegerFieldWidget(attrs=limits),
            **common["max_removal_percent"],
        ),
        "when_deleted": forms.ChoiceField(
            label="When the audience was deleted at TikTok",
            choices=AudienceDeleted.choices,
            widget=select(),
            **common["when_deleted"],
        ),
    }
