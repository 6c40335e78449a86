"""Custom audiences: which a run is for, where they are at TikTok, what they were told."""
