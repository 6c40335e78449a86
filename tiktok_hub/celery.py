"""The Celery app: the doorbell that rings when there is work in the database.

Tasks take ids only, are idempotent, and may be delivered twice or never; what is true stands in the database. A
sweeper on beat finds what nobody was told about.
"""

import os
import sys

from celery import Celery
from celery.signals import beat_init, worker_init
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktok_hub.settings")

app = Celery("tiktok_hub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["destinations", "orchestrations", "orchestrations.alerts", "tiktok_hub.audit"])


@worker_init.connect
@beat_init.connect
def database_ask(**_: object) -> None:
    """Do not start on a database that would not keep tenants apart."""
    try:
        import_string("tiktok_hub.tenancy.wall.checks.database_require")()
    except ImproperlyConfigured as error:
        sys.exit(str(error))  # Celery logs what other exceptions say here, and goes on
    finally:
        connections.close_all()
