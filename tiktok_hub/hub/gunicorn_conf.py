"""Let gunicorn log as the rest of the hub does: `gunicorn -c python:tiktok_hub.hub.gunicorn_conf tiktok_hub.wsgi`."""

import os
from typing import Any

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktok_hub.settings")

#: gunicorn's own loggers write nothing themselves, the root logger does.
_passed_on: dict[str, Any] = {"level": "INFO", "handlers": [], "propagate": True}
_logging: dict[str, Any] = settings.LOGGING
logconfig_dict = {
    **_logging,
    "loggers": {**_logging["loggers"], "gunicorn.error": _passed_on, "gunicorn.access": _passed_on},
}
