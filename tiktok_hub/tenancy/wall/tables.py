"""What the wall must know of a table."""

from dataclasses import dataclass

TENANT_REFUSAL = "This row belongs to a tenant that is not opened."
APPEND_REFUSAL = "The audit log can only be added to: nothing in it is changed or deleted."


@dataclass(frozen=True, order=True, slots=True)
class Table:
    """A tenant-owned table: its name, the column with the tenant's id, and whether rows are only ever added."""

    name: str
    column: str
    append_only: bool
