"""When a query goes to a destination, and what became of it."""

from django.apps import AppConfig


class OrchestrationsConfig(AppConfig):
    """Datasets, queries, orchestrations and their runs."""

    name = "orchestrations"
    verbose_name = "Send"
