"""The REST API: its keys, who they act for, and where it is served."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Keys of the REST API."""

    name = "tiktok_hub.api"
    label = "api"
    verbose_name = "API"
