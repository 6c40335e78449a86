"""The form of a group: its members, one line each in their order, and when it runs by itself."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from destinations.models import destinations_usable_by
from orchestrations.access import RUN_GROUP
from orchestrations.forms.schedules import ScheduleForm
from orchestrations.groups.services import MEMBERS_MOST, members_open_to
from orchestrations.models import Orchestration, OrchestrationGroup
from orchestrations.schedules.timetables import circle_refuse, members_of, schedule_of, schedule_stays
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import membership_allows
from tiktok_hub.tenancy.scope import current_tenant

PREFIX = "member_"
SPARE = 3
LEAST = 5
NO_SCHEDULE = "You may not start groups, so nothing can run by itself in your name. Choose no schedule."
NOT_YOURS = "Some members of this group are not open to you. Ask an administrator of this tenant to change it."


class OrchestrationGroupForm(forms.ModelForm):  # type: ignore[type-arg]
    """Choose what runs as a unit; `membership`, set by the page, decides which orchestrations are offered.

    Each member is a line with a choice; blank lines are left out, so that an empty line takes a member away.
    """

    membership: Membership | None = None

    class Meta:
        model = OrchestrationGroup
        fields = ("name", "description", "enabled", "order", "on_failure")
        widgets = {  # noqa: RUF012
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "order": UnfoldAdminSelectWidget(),
            "on_failure": UnfoldAdminSelectWidget(),
        }
        help_texts = {"on_failure": "For members that run one after another."}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.present = members_of(self.instance) if self.instance.pk else []
        open_here = destinations_usable_by(self.membership)
        rows = Orchestration.objects.filter(destination__in=open_here, query__isnull=False)
        for number in range(1, self._lines() + 1):
            self.fields[f"{PREFIX}{number}"] = self._line(number, rows)
        tenant = current_tenant()
        self.schedule = ScheduleForm(
            self.data if self.is_bound else None,
            schedule=schedule_of(self.instance) if self.instance.pk else None,
            time_zone=tenant.time_zone if tenant else "UTC",
            membership=self.membership,
            of=self.instance,
        )

    def _lines(self) -> int:
        """Return how many lines there are: those of the members, or as many as were sent, and some to spare."""
        typed = [name.removeprefix(PREFIX) for name in self.data if name.startswith(PREFIX)]
        sent = max((int(number) for number in typed if number.isdecimal() and len(number) < LEAST), default=0)
        return min(max(sent, len(self.present) + SPARE, LEAST), MEMBERS_MOST)

    def _line(self, number: int, rows: Any) -> forms.Field:
        present = self.present[number - 1] if number <= len(self.present) else None
        return forms.ModelChoiceField(
            rows, label=f"{number}.", required=False, empty_label="–", initial=present,
            widget=UnfoldAdminSelectWidget(attrs={"aria-label": f"Member {number}"}),
        )  # fmt: skip

    @property
    def member_fields(self) -> list[forms.BoundField]:
        """Return the lines of the members."""
        return [self[name] for name in self.fields if name.startswith(PREFIX)]

    @property
    def members(self) -> list[Orchestration]:
        """Return the members that were chosen, in the order of their lines."""
        chosen = (self.cleaned_data.get(field.name) for field in self.member_fields)
        return [each for each in chosen if each is not None]

    def clean_name(self) -> str:
        """Say it here when the name is taken: the tenant is not part of the form."""
        name = str(self.cleaned_data["name"])
        if OrchestrationGroup.objects.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise ValidationError(f"There is a group named “{name}” already. Choose another name.")
        return name

    def clean(self) -> dict[str, Any]:
        """See that each member is there once, that nothing starts itself, and in whose name it would run."""
        cleaned = super().clean() or self.cleaned_data
        if len(members_open_to(self.present, self.membership)) < len(self.present):
            self.add_error(None, NOT_YOURS)
        self._members_once()
        if self.schedule.is_bound and not self.schedule.is_valid():
            self.add_error(None, "The schedule cannot be saved like this. What is wrong stands beside its fields.")
        elif self._schedule_refused():
            self.add_error(None, NO_SCHEDULE)
        else:
            self.instance.name = cleaned.get("name", self.instance.name)  # a circle names what would close it
            self._circle_check()
        return cleaned

    def _members_once(self) -> None:
        seen: set[Orchestration] = set()
        for field in self.member_fields:
            chosen = self.cleaned_data.get(field.name)
            if chosen is None:
                continue
            if chosen in seen:
                self.add_error(field.name, f"“{chosen}” is a member already.")
            seen.add(chosen)

    def _schedule_refused(self) -> bool:
        """Say whether it would come to run in the name of somebody who may not start groups."""
        if membership_allows(self.membership, RUN_GROUP):
            return False
        wish, present = self.schedule.wish if self.schedule.is_bound else None, self.schedule.schedule
        if present is not None and present.enabled and [each.pk for each in self.members] != self._present_ids():
            return True
        return wish is not None and not (present is not None and schedule_stays(present, wish))

    def _present_ids(self) -> list[int]:
        return [each.pk for each in self.present]

    def _circle_check(self) -> None:
        present = self.schedule.schedule
        wish = self.schedule.wish if self.schedule.is_bound else present
        try:
            circle_refuse(self.instance, after=wish.after if wish else None, members=self.members)
        except ValidationError as error:
            self.add_error(None, error)
