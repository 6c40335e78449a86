"""What the programs of a hub say: one line or one JSON object each, with ids and without anybody's data."""

from tiktok_hub.logs.context import log_ids, log_with
from tiktok_hub.logs.hiding import hide_links_in_logs

__all__ = ["hide_links_in_logs", "log_ids", "log_with"]
