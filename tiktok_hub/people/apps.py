"""How people come in: log-in, invitations, second factors, single sign-on."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class PeopleConfig(AppConfig):
    """Listens to log-ins, so that they stand in the audit log."""

    name = "tiktok_hub.people"
    label = "people"
    verbose_name = "People"

    def ready(self) -> None:
        """Begin to listen."""
        import_string("tiktok_hub.people.journal.listen")()
