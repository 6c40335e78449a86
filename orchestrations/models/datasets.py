"""Dataset and Query: where rows come from."""

from django.core.validators import RegexValidator
from django.db import models

from orchestrations.choices import QueryStatus
from tiktok_hub.tenancy.models import TenantModel

table_name_validate = RegexValidator(
    r"^[A-Za-z_][A-Za-z0-9_]*$", "Letters, digits and underscores, beginning with a letter: it is a table name in SQL."
)


class Dataset(TenantModel):
    """A table of the tenant's data, kept as one Parquet file in storage.

    `path` is the storage key of the present version; each upload gets a new key, so that a run which has started
    reads what it started with. `columns` is a list of `{"name", "type", "pii"}`.
    """

    name = models.CharField(max_length=60, validators=[table_name_validate], help_text="The table's name in SQL.")
    description = models.TextField(blank=True)
    path = models.CharField(max_length=300, editable=False)
    filename = models.CharField(max_length=200, editable=False)
    format = models.CharField(max_length=20, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    columns = models.JSONField(default=list, editable=False)
    rows = models.BigIntegerField(default=0, editable=False)
    bytes = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    loaded_at = models.DateTimeField(editable=False)

    audited = ("name", "description", "filename", "digest", "rows", "pii_names")

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="dataset_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def pii_columns(self) -> set[str]:
        """Return the names of the columns that hold personal data."""
        return {column["name"] for column in self.columns if column.get("pii")}

    @property
    def pii_names(self) -> list[str]:
        """Return the same in the table's order, as the audit log shows it."""
        return [column["name"] for column in self.columns if column.get("pii")]


class Query(TenantModel):
    """Saved SQL over the tenant's datasets; its column names are the mapping to a plugin's fields.

    `columns` is what the query was last seen to return: a list of `{"name", "type"}`.
    """

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    sql = models.TextField("SQL")
    status = models.CharField(max_length=20, choices=QueryStatus.choices, default=QueryStatus.DRAFT)
    columns = models.JSONField(default=list, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    audited = ("name", "description", "sql", "status")

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "queries"
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="query_name_once")]

    def __str__(self) -> str:
        return self.name
