"""The app of sandboxes."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class SandboxesConfig(AppConfig):
    """Follows the people of production."""

    name = "tiktok_hub.sandboxes"
    label = "sandboxes"

    def ready(self) -> None:
        """Watch memberships."""
        import_string("tiktok_hub.sandboxes.members.watch")()
