"""Addresses inside a tenant; the tenant's own segment is already taken off by the middleware."""

from django.urls import path

from tiktok_hub.shell import tenant_site

urlpatterns = [path("", tenant_site.urls)]
