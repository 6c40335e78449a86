"""Forms about sandboxes: what to copy, what to take over, and the message of a promotion."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from tiktok_hub.sandboxes.permissions import PERSONAL, TOKENS
from tiktok_hub.sandboxes.promoting import MESSAGE_LONGEST
from tiktok_hub.sandboxes.tables import ROWS
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import membership_allows

NONE = "No rows: empty tables, over which queries can be written, checked and planned"


class CopiesForm(forms.Form):
    """What is copied beside configuration; what somebody may not see or change is not offered."""

    rows = forms.TypedChoiceField(
        label="Rows of each dataset",
        coerce=int,
        widget=UnfoldAdminSelectWidget(),
        help_text="Rows are copied as they are, personal data included; who sees it masked sees it masked here too.",
    )
    tokens = forms.BooleanField(
        label="Copy the credentials' tokens",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="Samples then go to the same ad accounts. Without, paste or authorise tokens of test accounts.",
    )

    def __init__(self, membership: Membership, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        several = [(str(rows), f"The first {rows:,} rows") for rows in ROWS if rows]
        allowed = membership_allows(membership, PERSONAL)
        self.fields["rows"].choices = [*self.first(), *(several if allowed else [])]  # type: ignore[attr-defined]
        if not membership_allows(membership, TOKENS):
            del self.fields["tokens"]

    def first(self) -> list[tuple[str, str]]:
        """Return the choices that copy no row."""
        return [("0", NONE)]


class SandboxForm(CopiesForm):
    """Make a sandbox."""

    name = forms.CharField(
        max_length=38, widget=UnfoldAdminTextInputWidget(), help_text="Lower-case letters, digits and dashes."
    )
    field_order = ("name", "rows", "tokens")


class PullForm(CopiesForm):
    """Bring the sandbox to what production is."""

    keep = forms.BooleanField(
        label="Keep what was changed in the sandbox",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="Only what production alone has changed is taken over. What both have changed stays the sandbox's, "
        "and the next promotion writes it over production's.",
    )
    remove = forms.BooleanField(label="Remove what only the sandbox has", required=False, widget=UnfoldBooleanWidget())
    field_order = ("keep", "remove", "rows", "tokens")

    def __init__(self, membership: Membership, *args: Any, **kwargs: Any) -> None:
        super().__init__(membership, *args, **kwargs)
        self.fields["rows"].required = False
        self.fields["rows"].empty_value = None  # type: ignore[attr-defined]

    def first(self) -> list[tuple[str, str]]:
        """Return the choices that copy no row: tables that are there stay, or are emptied."""
        return [("", "Leave the tables as they are; new ones are empty"), ("0", "Load all tables anew, without rows")]


class PromoteForm(forms.Form):
    """Say what a promotion is about, and whether it also removes."""

    message = forms.CharField(
        max_length=MESSAGE_LONGEST,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="What changes, and why: it stands in the audit log of both.",
    )
    remove = forms.BooleanField(
        label="Also remove what was removed in the sandbox",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="An orchestration goes with all its runs.",
    )
    seen = forms.CharField(widget=forms.HiddenInput())
