"""Addresses outside of any tenant: the authorization link, and where TikTok sends people back to."""

from django.urls import path

from destinations import views

urlpatterns = [
    path("authorize/<str:token>/", views.authorize, name="authorize"),
    path("oauth/tiktok/callback/", views.callback, name="oauth-callback"),
]
