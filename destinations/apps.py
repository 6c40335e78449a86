"""What we deliver to, and with which credential."""

from django.apps import AppConfig


class DestinationsConfig(AppConfig):
    """Credentials, destinations and everything that speaks to TikTok."""

    name = "destinations"
    verbose_name = "TikTok"
