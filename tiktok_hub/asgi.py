"""The ASGI application that uvicorn serves: the collector, and all pages (see `tiktok_hub.serving`)."""

import os

from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktok_hub.settings")

import_string("tiktok_hub.wsgi.application")  # sets Django up, and refuses a database without its walls
application = import_string("tiktok_hub.serving.application")
