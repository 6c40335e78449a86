"""The form of a stream: where its events go, when they are sent, and who may post from a browser."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from destinations.models import destinations_usable_by
from orchestrations.forms.overrides import OverridesForm
from orchestrations.models import Orchestration, Stream
from orchestrations.models.streams import MOST_BYTES, MOST_EVENTS, OLDEST_SECONDS
from orchestrations.streams.services import EVENTS, stream_check, stream_fill, thresholds
from tiktok_hub.tenancy.scope import current_tenant

LIMITS = {
    "max_events": ("Number of events or people", 1, MOST_EVENTS, f"1 to {MOST_EVENTS:,}."),
    "max_age_seconds": ("Age of the oldest, seconds", 1, OLDEST_SECONDS, "1 second to a day; 300 are 5 minutes."),
    "max_bytes": ("Bytes", 1_000, MOST_BYTES, f"1,000 to {MOST_BYTES:,}."),
}


class LinesField(forms.CharField):
    """A list of texts, typed as lines."""

    def prepare_value(self, value: Any) -> Any:
        """Return what is shown in the box."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Return the lines that are not empty."""
        return [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]


class StreamForm(OverridesForm):
    """Say what a stream is; blank thresholds are those usual for what the destination takes."""

    name = forms.CharField(max_length=120, widget=UnfoldAdminTextInputWidget())
    description = forms.CharField(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))
    allowed_origins = LinesField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "https://shop.example"}),
        help_text="Web sites whose pages may post from the browser, one per line; * for all. Servers may always.",
    )
    other_sources = LinesField(
        required=False,
        label="Other event sources",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Pixels or event sets besides its own that an event may name in event_source_id, one per line.",
    )

    class Meta:
        model = Stream
        fields = (*EVENTS, "allowed_origins", "other_sources")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stream = self.instance
        if not stream.pk:
            stream.tenant = current_tenant()
            stream.orchestration = Orchestration(
                tenant=stream.tenant, created_by=self.membership.user if self.membership else None
            )
        else:
            for field in ("name", "description"):
                self.initial.setdefault(field, getattr(stream.orchestration, field))
            self.initial.setdefault("destination", stream.orchestration.destination_id)
        self.overrides_add(destinations_usable_by(self.membership), stream.orchestration.settings)
        self._thresholds_add(kwargs.get("initial") or {})
        if self.chosen is not None and not self.chosen.spec.source_setting:
            del self.fields["other_sources"]

    def _thresholds_add(self, typed: Mapping[str, Any]) -> None:
        """Ask for the thresholds; what is usual stands in the empty box of a new stream."""
        usual = thresholds(self.chosen.spec) if self.chosen else EVENTS
        for name, (label, least, most, sentence) in LIMITS.items():
            shown = {"min": least, "max": most, "placeholder": f"{usual[name]} (usual)"}
            self.fields[name] = forms.IntegerField(
                label=label, min_value=least, max_value=most, required=False, help_text=sentence,
                widget=UnfoldAdminIntegerFieldWidget(attrs=shown),
            )  # fmt: skip
            if not self.instance.pk:
                self.initial[name] = typed.get(name)

    @property
    def threshold_fields(self) -> list[forms.BoundField]:
        """Return the bound fields that say when to send."""
        return [self[name] for name in LIMITS]

    def clean(self) -> dict[str, Any]:
        """Fill in usual thresholds."""
        cleaned = super().clean() or self.cleaned_data
        usual = thresholds(cleaned["destination"].spec) if cleaned.get("destination") else EVENTS
        for name in LIMITS:
            if name not in self.errors and cleaned.get(name) is None:
                cleaned[name] = usual[name]
        return cleaned

    def _post_clean(self) -> None:
        """See that it could send, once the rest of the form is right."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        values = {name: self.cleaned_data[name] for name in ("name", "description", "destination")}
        if "other_sources" not in self.fields:
            values["other_sources"] = []
        stream_fill(self.instance, settings=self.settings_typed(), **values)
        try:
            stream_check(self.instance, self.membership)
        except PermissionDenied as error:
            self.add_error("destination", str(error))
        except ValidationError as error:
            self.errors_place(error)
