"""E-mail domains, which platform superusers give to tenants."""

from django.contrib import admin
from django.http import HttpRequest

from tiktok_hub.people.models import EmailDomain
from tiktok_hub.shell import platform_site
from tiktok_hub.tenancy.admin import PlatformAdmin


@admin.register(EmailDomain, site=platform_site)
class EmailDomainAdmin(PlatformAdmin):
    """Whose single sign-on speaks for the addresses of a domain."""

    fields = ("domain", "tenant")
    list_display = ("domain", "tenant")
    list_select_related = ("tenant",)
    search_fields = ("domain", "tenant__name")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The site lets superusers in only."""
        return True
