"""The Celery app: the doorbell that rings when there is work in the database.

Tasks take ids only, are idempotent, and may be delivered twice or never; what is true stands in the database. A
sweeper on beat finds what nobody was told about.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktok_hub.settings")

app = Celery("tiktok_hub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["destinations", "orchestrations"])
