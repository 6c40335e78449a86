"""The part of an orchestration's form that says when it runs by itself."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from destinations.models import destinations_usable_by
from orchestrations.choices import AfterEnds, MissedRuns, ScheduleKind, ScheduleOverlap
from orchestrations.models import Orchestration, Schedule
from orchestrations.schedules.rules import (
    EXPRESSION_LONGEST,
    MINUTES_MOST,
    Rule,
    ScheduleError,
    slots_after,
    time_zones,
)
from orchestrations.schedules.timetables import Scheduled, Wish, anchor_for
from tiktok_hub.tenancy.models import Membership

PREFIX = "schedule"
NEXT_RUNS = 5
BY_HAND = "When somebody starts it"
CRON_HELP = "Minute, hour, day of month, month, day of week: “30 2 * * *” is every day at 02:30."
INTERVAL_HELP = "Counted from the moment it is saved: 45 and 90 minutes stay 45 and 90."
ZONE_HELP = "IANA name. Cron times are those of this zone’s clock."


@dataclass(frozen=True, slots=True)
class Preview:
    """A schedule in words with its next runs, or what is wrong with it."""

    words: str = ""
    slots: tuple[datetime, ...] = ()
    clock_rule: str = ""
    time_zone: str = ""
    errors: tuple[str, ...] = ()


def preview_of(rule: Rule, now: datetime) -> Preview:
    """Return what people see of a rule."""
    return Preview(rule.words, tuple(islice(slots_after(rule, now), NEXT_RUNS)), rule.clock_rule, rule.time_zone)


class ScheduleForm(forms.Form):
    """Choose between starting by hand, cron, an interval and another orchestration; `wish` is what was chosen, if any.

    Others may be followed whose destination is open to `membership`. `of` is what the schedule starts.
    """

    kind = forms.ChoiceField(
        label="When it runs", required=False, choices=[("", BY_HAND), *ScheduleKind.choices],
        widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    cron = forms.CharField(
        label="Cron expression", required=False, max_length=EXPRESSION_LONGEST, help_text=CRON_HELP,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "30 2 * * *", "autocomplete": "off"}),
    )  # fmt: skip
    every_minutes = forms.IntegerField(
        label="Minutes between runs", required=False, min_value=1, max_value=MINUTES_MOST, help_text=INTERVAL_HELP,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"placeholder": "90"}),
    )  # fmt: skip
    after: "forms.ModelChoiceField[Orchestration]" = forms.ModelChoiceField(
        None, label="After which orchestration", required=False, empty_label="Choose an orchestration…",
        widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    ends = forms.ChoiceField(
        label="When", required=False, choices=AfterEnds.choices, widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    time_zone = forms.CharField(
        label="Time zone", required=False, max_length=64, help_text=ZONE_HELP,
        widget=UnfoldAdminTextInputWidget(attrs={"list": "time-zones", "autocomplete": "off"}),
    )  # fmt: skip
    overlap = forms.ChoiceField(
        label="If the run before is not finished", choices=ScheduleOverlap.choices, widget=UnfoldAdminSelectWidget()
    )
    missed = forms.ChoiceField(
        label="If runs were missed", choices=MissedRuns.choices, widget=UnfoldAdminSelectWidget(),
        help_text="After a time in which the hub was not running.",
    )  # fmt: skip

    wish: Wish | None = None

    def __init__(
        self, data: Any = None, *, schedule: Schedule | None, time_zone: str, membership: Membership | None,
        of: Scheduled | None = None,
    ) -> None:  # fmt: skip
        initial: dict[str, Any] = {
            "time_zone": time_zone, "overlap": ScheduleOverlap.SKIP, "missed": MissedRuns.ONCE,
            "ends": AfterEnds.SUCCEEDED,
        }  # fmt: skip
        self.schedule = schedule
        self.default_zone = time_zone
        if schedule is not None:
            initial = {name: getattr(schedule, name) for name in self.base_fields}
        # A form of another page, or of a program, may leave the whole section out: then nothing changes.
        given = data is not None and f"{PREFIX}-kind" in data
        super().__init__(data if given else None, prefix=PREFIX, initial=initial)
        open_here = Q(destination__in=destinations_usable_by(membership))
        present = Q(pk=schedule.after_id) if schedule else Q(pk=None)
        others = Orchestration.objects.filter(open_here | present, query__isnull=False)
        if isinstance(of, Orchestration):
            others = others.exclude(pk=of.pk)
        self.fields["after"].queryset = others  # type: ignore[attr-defined]

    @property
    def zones(self) -> list[str]:
        """Return the time zones to choose from."""
        return sorted(time_zones())

    def clean(self) -> dict[str, Any]:
        """Turn what was typed into a wish; each mistake goes to its field."""
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind")
        if not kind or self.errors:
            return cleaned
        if kind == ScheduleKind.INTERVAL and cleaned.get("every_minutes") is None:
            self.add_error("every_minutes", "Say how many minutes lie between two runs.")
            return cleaned
        if kind == ScheduleKind.AFTER and cleaned.get("after") is None:
            self.add_error("after", "Choose the orchestration whose runs are to be followed.")
            return cleaned
        wish = Wish(
            time_zone=cleaned.get("time_zone") or self.default_zone,
            cron=" ".join(cleaned.get("cron", "").split()) if kind == ScheduleKind.CRON else "",
            every_minutes=cleaned["every_minutes"] if kind == ScheduleKind.INTERVAL else None,
            after=cleaned["after"] if kind == ScheduleKind.AFTER else None,
            ends=cleaned.get("ends") or AfterEnds.SUCCEEDED, overlap=cleaned["overlap"], missed=cleaned["missed"],
            enabled=self.schedule.enabled if self.schedule else True,
        )  # fmt: skip
        try:
            wish.rule(timezone.now())
        except ScheduleError as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
        else:
            self.wish = wish
        return cleaned

    @property
    def preview(self) -> Preview | None:
        """Return the next runs of what is in the form, or its mistakes; None for by hand."""
        now = timezone.now()
        if not self.is_bound:
            return preview_of(self.schedule.rule, now) if self.schedule else None
        if not self.is_valid():
            return Preview(errors=tuple(str(each) for sentences in self.errors.values() for each in sentences))
        if self.wish is None:
            return None
        return preview_of(self.wish.rule(anchor_for(self.wish, self.schedule, now)), now)
