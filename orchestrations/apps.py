"""When a query goes to a destination, and what became of it."""

from django.apps import AppConfig
from django.utils.module_loading import import_string

from tiktok_hub.metrics import gauges_add


class OrchestrationsConfig(AppConfig):
    """Datasets, queries, orchestrations and their runs."""

    name = "orchestrations"
    verbose_name = "Send"

    def ready(self) -> None:
        """Let Prometheus be told what waits here."""
        for part in ("database", "storage"):
            gauges_add(part, import_string(f"orchestrations.runs.measuring.{part}_gauges"))
        gauges_add("database", import_string("orchestrations.streams.waiting.streams_gauges"))
