"""The demo: two brands, a TikTok on this machine, and orders as they really are, delivered and counted."""
