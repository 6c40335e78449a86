"""Talk to TikTok's Business API v1.3: errors, return codes, rate limits, HTTP client, typed calls. Knows no Django."""
