"""Filters of the log's list: from and to a day, and what occurs in it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter

from tiktok_hub.audit.models import Entry
from tiktok_hub.audit.reading import kind_name


class DaysFilter(RangeDateFilter):  # type: ignore[misc]
    """From the start of a day to the end of another, in UTC; what is no date filters nothing."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        """Return the entries of those days."""
        first, last = (_day(self.used_parameters.get(f"{self.parameter_name}_{end}")) for end in ("from", "to"))
        if first:
            queryset = queryset.filter(at__gte=datetime.combine(first, time(), UTC))
        if last:
            queryset = queryset.filter(at__lt=datetime.combine(last + timedelta(days=1), time(), UTC))
        return queryset


def _day(text: Any) -> date | None:
    """Read a date as browsers send it."""
    try:
        return date.fromisoformat(str(text or ""))
    except ValueError:
        return None


class OccurringFilter(DropdownFilter):  # type: ignore[misc]
    """One of the values that occur in the log; subclasses name the field."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values of the entries that this person may see."""
        entries = model_admin.get_queryset(request).exclude(**{self.parameter_name: ""}).order_by(self.parameter_name)
        return [(value, self.name(value)) for value in entries.values_list(self.parameter_name, flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        """Return the entries with the chosen value."""
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset

    def name(self, value: str) -> str:
        """Return what people call a value."""
        return value


class WhoFilter(OccurringFilter):
    """Who did it."""

    title, parameter_name = "who", "actor"


class KindFilter(OccurringFilter):
    """What kind of thing it was done to."""

    title, parameter_name = "kind of object", "object_type"

    def name(self, value: str) -> str:
        """Name the kind."""
        return kind_name(value).capitalize()
