"""The form of an orchestration: query, destination, and the settings that the destination leaves to it."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from destinations.models import destinations_usable_by
from orchestrations.access import RUN
from orchestrations.choices import QueryStatus
from orchestrations.forms.audiences import AUDIENCE, audience_fields
from orchestrations.forms.overrides import OverridesForm
from orchestrations.forms.schedules import ScheduleForm
from orchestrations.models import Orchestration, Query, Schedule
from orchestrations.runs.services import orchestration_check
from orchestrations.schedules.timetables import Wish, circle_refuse, schedule_stays, scheduled_change_check
from tiktok_hub.tenancy.policies import membership_allows
from tiktok_hub.tenancy.scope import current_tenant

NO_SCHEDULE = "You may not start runs, so nothing can run by itself in your name. Choose no schedule."


class OrchestrationForm(OverridesForm):
    """Choose what goes where; `membership`, set by the page, decides which destinations are offered."""

    # Declared, and without choices until the form is made: those can be asked for inside a tenant only.
    query: "forms.ModelChoiceField[Query]" = forms.ModelChoiceField(
        None, empty_label="Choose a query…", widget=UnfoldAdminSelectWidget()
    )

    class Meta:
        model = Orchestration
        fields = ("name", "description", "enabled")
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        active = Q(status=QueryStatus.ACTIVE) | Q(pk=self.instance.query_id)
        self.fields["query"].queryset = Query.objects.filter(active)  # type: ignore[attr-defined]
        self.overrides_add(destinations_usable_by(self.membership), self.instance.settings)
        if self.chosen and self.chosen.spec.keeps_audience:
            self.fields.update(audience_fields(self.chosen, self.initial, self.instance))
        tenant = current_tenant()
        self.schedule = ScheduleForm(
            self.data if self.is_bound else None,
            schedule=Schedule.objects.filter(orchestration=self.instance.pk).first(),
            time_zone=tenant.time_zone if tenant else "UTC",
            membership=self.membership,
            of=self.instance,
        )

    @property
    def audience_fields(self) -> list[forms.BoundField]:
        """Return the bound fields that say how the audience follows the query; none where there is no audience."""
        return [self[name] for name in AUDIENCE if name in self.fields]

    def clean_name(self) -> str:
        """Say it here when the name is taken: the tenant is not part of the form."""
        name = str(self.cleaned_data["name"])
        if Orchestration.objects.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise ValidationError(f"There is an orchestration named “{name}” already. Choose another name.")
        return name

    def clean(self) -> dict[str, Any]:
        """See that it could run."""
        cleaned = super().clean() or self.cleaned_data
        if self.schedule.is_bound and not self.schedule.is_valid():
            self.add_error(None, "The schedule cannot be saved like this. What is wrong stands beside its fields.")
        elif self._schedule_refused():
            self.add_error(None, NO_SCHEDULE)
        elif self.schedule.wish is not None:
            self.instance.name = cleaned.get("name", self.instance.name)  # a circle names what would close it
            self._circle_check(self.schedule.wish)
        if not cleaned.get("query") or not cleaned.get("destination"):
            return cleaned
        stored = self._sends()
        self.instance.settings = self.settings_typed()
        followed = {name: cleaned[name] for name in AUDIENCE if cleaned.get(name) is not None} or {"sync_mode": ""}
        for name, value in followed.items():
            setattr(self.instance, name, value)
        if stored != (cleaned["query"].pk, cleaned["destination"].pk, cleaned.get("enabled"), *self._sends()[3:]):
            self._scheduled_check()
        candidate = Orchestration(
            pk=self.instance.pk,
            query=cleaned["query"],
            destination=cleaned["destination"],
            settings=self.instance.settings,
            **followed,
        )
        try:
            orchestration_check(candidate, self.membership)
        except PermissionDenied as error:
            self.add_error("destination", str(error))
        except ValidationError as error:
            self.errors_place(error)
        return cleaned

    def _circle_check(self, wish: Wish) -> None:
        try:
            circle_refuse(self.instance, after=wish.after)
        except ValidationError as error:
            self.add_error(None, error)

    def _sends(self) -> tuple[Any, ...]:
        """Return what decides about what is sent, as the instance has it."""
        row = self.instance
        return row.query_id, row.destination_id, row.enabled, row.settings, *(getattr(row, name) for name in AUDIENCE)

    def _scheduled_check(self) -> None:
        try:
            scheduled_change_check(Orchestration.objects.filter(pk=self.instance.pk), self.membership)
        except ValidationError as error:
            self.add_error(None, error)

    def _schedule_refused(self) -> bool:
        """Say whether a schedule would come to run in the name of somebody who may not start runs."""
        wish, present = self.schedule.wish if self.schedule.is_bound else None, self.schedule.schedule
        if wish is None or (present is not None and schedule_stays(present, wish)):
            return False
        return not membership_allows(self.membership, RUN)
