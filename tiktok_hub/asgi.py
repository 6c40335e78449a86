"""The ASGI application that uvicorn serves: the collector, and all pages (see `tiktok_hub.serving`)."""

import os
from concurrent.futures import ThreadPoolExecutor

from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktok_hub.settings")

# Sets Django up, and refuses a database without its walls; servers import this while their loop runs already, and
# there the database must not be asked.
with ThreadPoolExecutor(1) as beside:
    beside.submit(import_string, "tiktok_hub.wsgi.application").result()
application = import_string("tiktok_hub.serving.application")
