"""TikTok's windows of time for events: how long it knows one again, and how old one may be."""

DEDUPLICATION_HOURS = 48
"""Of events with the same event source, event and event_id, those that arrive within 48 hours of the first are dropped
(TikTok help centre, "Event deduplication"). What arrives later counts once more."""

ATTRIBUTION_DAYS = 28
"""A click is attributed for at most 28 days; Amperity and LiveRamp document that older events are not matched. That
TikTok drops rather than refuses them is assumed."""
