"""The audit log: who did what, when, to what, from where."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class AuditConfig(AppConfig):
    """Watches the models that say which of their fields belong in the log."""

    name = "tiktok_hub.audit"
    label = "audit"
    verbose_name = "Audit log"

    def ready(self) -> None:
        """Begin to watch."""
        import_string("tiktok_hub.audit.tracking.watch")()
