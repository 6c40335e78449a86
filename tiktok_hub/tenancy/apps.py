"""Tenants, people, and what each may do."""

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    """The app that everything tenant-owned builds on."""

    name = "tiktok_hub.tenancy"
    label = "tenancy"
    verbose_name = "Tenants and people"
