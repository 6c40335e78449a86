"""The SQL editor's widget, and where in the SQL an error lies."""

import re

from django import forms
from django.core.exceptions import ValidationError

LINE = re.compile(r"\bline (\d+)")


class SqlWidget(forms.Textarea):
    """A plain text area that the page's script turns into an editor with line numbers."""

    def __init__(self) -> None:
        super().__init__({
            "rows": 12, "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", "wrap": "off",
            "data-sql-editor": "", "aria-describedby": "sql-help",
        })  # fmt: skip


def error_line(error: ValidationError) -> int | None:
    """Return the line that an error of the engine speaks of, counted from 1."""
    found = LINE.search(" ".join(error.messages))
    return int(found[1]) if found else None
