"""Addresses outside of any tenant: the links for people without an account, and where TikTok sends people back to."""

from django.urls import path

from destinations import views

urlpatterns = [
    path("authorize/<str:token>/", views.authorize, name="authorize"),
    path("authorize/secret/<str:token>/", views.hand_over, name="hand-over"),
    path("oauth/tiktok/callback/", views.callback, name="oauth-callback"),
]
