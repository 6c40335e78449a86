"""Admin pages of people."""

from tiktok_hub.people.admin import invitations

__all__ = ["invitations"]
