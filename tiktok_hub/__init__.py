"""The project: settings, tenants, secrets and the shell around the two apps that do the work."""

from tiktok_hub.celery import app as celery_app

__all__ = ["celery_app"]
