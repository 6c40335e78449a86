"""Tenants, people, and what each may do."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string

from tiktok_hub.tenancy.wall.connecting import connection_prepare


class TenancyConfig(AppConfig):
    """The app that everything tenant-owned builds on; it puts up the wall between tenants in the database."""

    name = "tiktok_hub.tenancy"
    label = "tenancy"
    verbose_name = "Tenants and people"

    def ready(self) -> None:
        """Prepare every connection, and look after the wall whenever tables may have changed."""
        import_string("tiktok_hub.tenancy.wall.checks.role_check")
        connection_created.connect(connection_prepare, dispatch_uid="wall-connection")
        put_up = import_string("tiktok_hub.tenancy.wall.building.wall_put_up")
        post_migrate.connect(put_up, sender=self, dispatch_uid="wall-put-up")
