"""Forms of a dataset: upload a file as a new table, or replace its content and mark personal data."""

from pathlib import Path
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import TemporaryUploadedFile
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from orchestrations.datasets import dataset_load, dataset_mark, dataset_name_suggest, sql_reads
from orchestrations.models import Dataset, Orchestration, Query
from orchestrations.schedules.timetables import scheduled_change_check
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import current_tenant

ACCEPT = ".csv,.tsv,.txt,.gz,.zst,.parquet,.pq,.json,.jsonl,.ndjson"
FILE_HELP = "CSV (any separator), Parquet or JSON lines; separators and types are found out."


class _FileForm(forms.ModelForm):  # type: ignore[type-arg]
    """Load the file once everything else in the form is right; what is wrong with it is shown at the file."""

    file = forms.FileField(
        label="File", help_text=FILE_HELP, widget=UnfoldAdminFileFieldWidget(attrs={"accept": ACCEPT})
    )

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        upload = self.cleaned_data.get("file")
        if upload and not self.errors:
            self._load(upload)

    def _load(self, upload: TemporaryUploadedFile) -> None:
        tenant = current_tenant()
        if tenant is None:
            raise ValidationError("No tenant is open.")
        try:
            self.instance = dataset_load(
                tenant=tenant, name=self.instance.name, file=Path(upload.temporary_file_path()),
                filename=upload.name or "file", description=self.cleaned_data.get("description", ""),
            )  # fmt: skip
        except ValidationError as error:
            self._say(error)

    def _say(self, error: ValidationError) -> None:
        if not hasattr(error, "error_dict"):
            self.add_error("file", ValidationError(error.messages))
            return
        for field, sentences in error.message_dict.items():
            self.add_error(field if field in self.fields else "file", ValidationError(sentences))


class DatasetUploadForm(_FileForm):
    """Upload a file as a new table; its name is suggested from the file's."""

    class Meta:
        model = Dataset
        fields = ("name", "description")
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["name"].help_text = "The table's name in SQL. Left empty: made from the file's name."

    def clean(self) -> dict[str, Any]:
        """Name the table after the file where no name was typed; refuse a name that is taken."""
        cleaned = super().clean() or self.cleaned_data
        upload = cleaned.get("file")
        name = cleaned.get("name") or (dataset_name_suggest(upload.name) if upload else "")
        if name and Dataset.objects.filter(name__iexact=name).exists():
            taken = f"There is a dataset named “{name}” already."
            self.add_error("name", f"{taken} Replace its file on its own page, or choose another name.")
        elif not name and upload:
            self.add_error("name", "The file's name gives no table name. Type one.")
        cleaned["name"] = name
        return cleaned


class DatasetForm(_FileForm):
    """Replace a dataset's file, describe it, mark its personal data.

    `membership`, set by the page, is who does. `may_mark` is False for people with restricted access: whoever may not
    see personal data cannot unmark it.
    """

    may_mark = True
    membership: Membership | None = None

    pii = forms.MultipleChoiceField(label="Personal data", required=False, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = Dataset
        fields = ("description",)
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = False
        self.fields["file"].label = "New version"
        self.fields["file"].help_text = f"{FILE_HELP} Runs that have started go on with the present version."
        self.fields["pii"].choices = [(name, name) for name in self._names()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse other content from somebody who may not send what a schedule would."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("file"):
            readers = [query.pk for query in Query.objects.all() if sql_reads(query.sql, self.instance.name)]
            try:
                scheduled_change_check(Orchestration.objects.filter(query__in=readers), self.membership)
            except ValidationError as error:
                self.add_error("file", error)
        return cleaned

    @property
    def columns(self) -> list[dict[str, Any]]:
        """Return the dataset's columns with `marked`: what is ticked, as typed or as stored."""
        typed = set(self.data.getlist("pii")) if self.is_bound and self.may_mark else None  # type: ignore[attr-defined]
        stored = self.instance.pii_columns
        marked = stored if typed is None else typed
        return [{**column, "marked": column["name"] in marked} for column in self.instance.columns]

    def save(self, commit: bool = True) -> Dataset:
        """Keep description and marks; a new file is stored already."""
        dataset: Dataset = super().save(commit=False)
        if self.may_mark:
            present = set(self._names())
            new = dataset.pii_columns - set(self.initial_names)
            dataset_mark(dataset=dataset, personal=(set(self.cleaned_data["pii"]) | new) & present)
        return dataset

    def _names(self) -> list[str]:
        names = [str(column["name"]) for column in self.instance.columns]
        self.initial_names = getattr(self, "initial_names", names)
        return names
