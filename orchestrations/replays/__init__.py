"""Rows of an earlier run sent once more: which are meant, what TikTok would make of them, how they are prepared."""
