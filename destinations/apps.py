"""What we deliver to, and with which credential."""

from django.apps import AppConfig

from destinations.logs import hide_links_in_logs


class DestinationsConfig(AppConfig):
    """Credentials, destinations and everything that speaks to TikTok."""

    name = "destinations"
    verbose_name = "TikTok"

    def ready(self) -> None:
        """Keep the tokens of links out of the logs."""
        hide_links_in_logs()
