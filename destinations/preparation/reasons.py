"""Why a row is rejected, warned about or left out: a stable key and a sentence for each.

Keys are stored with runs and counted in reports, so they are never renamed.
"""

from destinations.preparation.iso4217 import TIKTOK_CURRENCIES

REASONS: dict[str, str] = {
    "missing_identity": "The row has none of the identifiers that its destination needs.",
    "bad_email": "The e-mail address is not one that can exist.",
    "bad_phone": "The phone number is not one that can exist.",
    "phone_without_country": "The phone number has no country code, and neither row nor settings name a country.",
    "bad_device_id": "The device id is not a UUID, or all zeros: the device's owner forbids tracking.",
    "bad_country": "The country is not a two-letter ISO 3166 code.",
    "missing_event": "The row has no event name and the destination has no fixed one.",
    "unknown_event": "TikTok has no standard event of this name; names are case-sensitive.",
    "event_name_too_long": "The event name has more than 50 characters.",
    "event_source_mismatch": "The row names another event source than the destination's.",
    "event_source_id_mismatch": "The row names another event set or pixel than the destination's.",
    "missing_timestamp": "The row has no timestamp.",
    "bad_timestamp": "The timestamp is neither ISO 8601 nor a Unix time.",
    "timestamp_in_future": "The timestamp lies more than ten minutes after the start of the run.",
    "timestamp_too_old": "The timestamp is older than the destination sends.",
    "older_than_7_days": "The event is older than seven days: views cannot be attributed any more, clicks can.",
    "bad_number": "The value is not a number. Leave out currency symbols and thousands separators.",
    "negative_number": "The number is negative; TikTok has no refunds.",
    "number_too_large": "The number is larger than any amount can be.",
    "bad_quantity": "The quantity is not a whole number of at least 1.",
    "bad_currency": "The currency is not an ISO 4217 code.",
    "unsupported_currency": f"TikTok does not take this currency, only {' '.join(TIKTOK_CURRENCIES)}.",
    "bad_channel": "The event channel is none of those TikTok knows.",
    "bad_content_type": "The content type is neither product nor product_group; product is sent.",
    "bad_boolean": "The value is none of true, false, yes, no, 1 and 0.",
    "bad_ip": "The value is not an IPv4 or IPv6 address.",
    "bad_url": "The value is not a complete http or https address.",
    "bad_locale": "The value is not a BCP 47 language tag.",
    "missing_page_url": "The row has no page URL and the destination has no default one.",
    "event_too_large": "The event alone is larger than a request may be.",
    "duplicate_event": "An event of the same name and event id came before; TikTok gets it once.",
    "duplicate_row": "The same row came before; it is counted once.",
    "duplicate_person": "Rows before this one have all of its identifiers; the person is counted once.",
    "superseded_change": "A later change in the same run decides about all of these identifiers.",
}
