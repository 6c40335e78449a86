"""The tenant's pages for credentials and destinations."""

from destinations.admin import credentials, destinations

__all__ = ["credentials", "destinations"]
