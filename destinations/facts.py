"""Facts of TikTok that people should know where they matter, by what a credential or destination is for."""

from destinations.choices import CredentialType

EVENTS = (
    "Events show at TikTok within 24 hours.",
    "TikTok attributes them within 28 days after a click and 7 days after a view.",
    "Event names are case-sensitive: a typo silently becomes a custom event.",
)
AUDIENCES = (
    "An audience needs 1,000 matched members before an ad group can use it.",
    "Changes take up to 10 hours, often 24 to 48 hours, until they show.",
    "An ad account holds at most 400 audiences; one that is unused for 12 months expires.",
)

FACTS: dict[str, tuple[str, ...]] = {CredentialType.EVENTS: EVENTS, CredentialType.AUDIENCES: AUDIENCES}
