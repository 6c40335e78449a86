"""Addresses outside of any tenant: log-in, the platform, the OAuth round trip, health."""

from django.urls import include, path

from orchestrations.streams.views import collect, openapi
from tiktok_hub import views
from tiktok_hub.api.site import api
from tiktok_hub.metrics.views import metrics
from tiktok_hub.shell import platform_site

urlpatterns = [
    path("", views.home, name="home"),
    path("livez", views.livez, name="livez"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.healthz, name="readyz"),
    path("collect/v1/openapi.json", openapi, name="collect_openapi"),
    path("collect/v1/<str:public_id>", collect, name="collect"),
    path("metrics", metrics, name="metrics"),
    path("platform/", platform_site.urls),
    path("api/v1/", api.urls),
    path("", include("tiktok_hub.people.urls")),
    path("", include("destinations.urls")),
]
