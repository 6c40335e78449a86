"""URLs of a tenant that does not exist for this person: every address is a 404."""

from django.urls import path

from tiktok_hub.tenancy.middleware import nowhere

urlpatterns = [path("<path:path>", nowhere)]
