"""Admin pages of people."""

from tiktok_hub.people.admin import invitations, users

__all__ = ["invitations", "users"]
