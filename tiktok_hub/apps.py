"""The shell around the apps: pages outside of tenants, commands, system checks."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class HubConfig(AppConfig):
    """Registers the system checks."""

    name = "tiktok_hub"

    def ready(self) -> None:
        """Load the checks."""
        import_string("tiktok_hub.checks.retry_check")
