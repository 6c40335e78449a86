"""The shell around the apps: pages outside of tenants, commands, system checks."""

from django.apps import AppConfig
from django.utils.module_loading import import_string

from tiktok_hub.logs import hide_links_in_logs


class HubConfig(AppConfig):
    """Registers the system checks, and keeps the tokens of links out of the logs."""

    name = "tiktok_hub"

    def ready(self) -> None:
        """Load the checks and filter the logs."""
        hide_links_in_logs()
        import_string("tiktok_hub.checks.retry_check")
