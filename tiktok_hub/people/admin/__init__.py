"""Admin pages of people."""

from tiktok_hub.people.admin import domains, invitations, settings, users

__all__ = ["domains", "invitations", "settings", "users"]
