"""Streams: events and changes of audiences that are posted one by one, collected, and sent by runs."""
