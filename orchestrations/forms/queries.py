"""The form of a query: a draft may be broken, an active query describes without error."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from orchestrations.choices import QueryStatus
from orchestrations.forms.sql import SqlWidget, error_line
from orchestrations.models import Orchestration, Query
from orchestrations.queries import query_describe
from orchestrations.schedules.timetables import scheduled_change_check
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import current_tenant

STATUS_HELP = "Orchestrations use active queries only. A draft may be saved while it is still broken."


class QueryForm(forms.ModelForm):  # type: ignore[type-arg]
    """Write SQL, save it as a draft or activate it.

    `membership`, set by the page, is who writes. After validation `sql_error` says what is wrong with the SQL of a
    draft, and `sql_line` where.
    """

    membership: Membership | None = None
    sql_error = ""
    sql_line: int | None = None

    class Meta:
        model = Query
        fields = ("name", "description", "sql", "status")
        widgets = {"sql": SqlWidget(), "description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}  # noqa: RUF012
        help_texts = {"status": STATUS_HELP}  # noqa: RUF012

    def clean_name(self) -> str:
        """Say it here when the name is taken: the tenant is not part of the form."""
        name = str(self.cleaned_data["name"])
        if Query.objects.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise ValidationError(f"There is a query named “{name}” already. Choose another name.")
        return name

    def clean(self) -> dict[str, Any]:
        """Ask the engine what the SQL returns; errors stop an active query only."""
        cleaned = super().clean() or self.cleaned_data
        sql, tenant = cleaned.get("sql"), current_tenant()
        if self.instance.pk and "sql" in self.changed_data:
            self._scheduled_check()
        if not sql or tenant is None:
            return cleaned
        try:
            self.instance.columns = query_describe(tenant=tenant, sql=sql)
        except ValidationError as error:
            self._broken(error, active=cleaned.get("status") == QueryStatus.ACTIVE)
        return cleaned

    def _scheduled_check(self) -> None:
        try:
            scheduled_change_check(Orchestration.objects.filter(query=self.instance), self.membership)
        except ValidationError as error:
            self.add_error("sql", error)

    def _broken(self, error: ValidationError, *, active: bool) -> None:
        self.instance.columns = []
        self.sql_error, self.sql_line = " ".join(error.messages), error_line(error)
        if active:
            self.add_error("sql", ValidationError(error.messages))
            self.add_error("status", "It cannot be active while its SQL has an error. Save it as a draft, or mend it.")
