"""The WSGI application that waitress and gunicorn serve.

It does not start on a database that would not keep tenants apart.
"""

import os

from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktok_hub.settings")

application = get_wsgi_application()
import_string("tiktok_hub.tenancy.wall.checks.database_require")()
