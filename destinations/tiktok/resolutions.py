"""Hold what a person can do about a failure: one entry per cause, shown on the run page and by the connection test.

Return codes (`codes.py`) and our own checks (a missing column, no eligible rows) point here by key, so the same cause
is explained with the same words wherever it is met.
"""

from dataclasses import dataclass
from enum import StrEnum


class ResolutionKey(StrEnum):
    """Name a cause for which there is something to do."""

    ADVERTISER_NOT_FOUND = "advertiser_not_found"
    INVALID_CREDENTIALS = "invalid_credentials"
    MISSING_PERMISSIONS = "missing_permissions"
    AUDIENCE_LIMIT = "audience_limit"
    AUDIENCE_NOT_FOUND = "audience_not_found"
    AUDIENCE_NOT_READY = "audience_not_ready"
    AUDIENCE_TOO_SMALL = "audience_too_small"
    AUDIENCE_OF_OTHER_IDS = "audience_of_other_ids"
    EVENT_SOURCE_NOT_FOUND = "event_source_not_found"
    NOT_ALLOW_LISTED = "not_allow_listed"
    THROTTLED = "throttled"
    NO_ELIGIBLE_ROWS = "no_eligible_rows"
    MISSING_COLUMN = "missing_column"
    TIKTOK_UNAVAILABLE = "tiktok_unavailable"
    REJECTED_DATA = "rejected_data"
    INVALID_SETTING = "invalid_setting"
    PRODUCT_DEFECT = "product_defect"
    APP_NOT_ACCEPTED = "app_not_accepted"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    NOT_REACHABLE = "not_reachable"
    QUERY_FAILED = "query_failed"
    PREPARED_DATA_LOST = "prepared_data_lost"


class ResolutionAction(StrEnum):
    """Name what a person can do about a cause: something with the run, or to open where the cause is removed."""

    RETRY = "retry"
    RESTART = "restart"
    REPLAY = "replay"
    SKIP = "skip"
    CANCEL = "cancel"
    CREDENTIAL = "credential"
    DESTINATION = "destination"
    ORCHESTRATION = "orchestration"
    QUERY = "query"
    DATASET = "dataset"
    AUDIENCE = "audience"


Act = ResolutionAction


@dataclass(frozen=True, slots=True)
class Resolution:
    """Explain one cause (a title and a sentence), list the steps, in order, that remove it, and the actions to offer.

    Actions stand in the order of their use; which of them are possible is for the run to say.
    """

    key: str
    title: str
    cause: str
    steps: tuple[str, ...]
    actions: tuple[ResolutionAction, ...]


_TEXTS: dict[ResolutionKey, tuple[str, str, tuple[str, ...]]] = {
    ResolutionKey.ADVERTISER_NOT_FOUND: (
        "Advertiser not found",
        "TikTok knows no ad account with this Advertiser ID, or it was closed.",
        (
            "Compare the Advertiser ID of the destination with the 19-digit ID shown in TikTok Ads Manager.",
            "Choose the ad account from the list of accounts that the credential can reach.",
            "If the account is not in the list, reauthorise the credential and tick that ad account.",
        ),
    ),
    ResolutionKey.INVALID_CREDENTIALS: (
        "Invalid credentials",
        "TikTok no longer accepts the access token: it was revoked, or its user lost access to the ad account.",
        (
            "Open the credential and choose Reauthorize; every destination that uses it keeps working afterwards.",
            "Log in to TikTok as a user who is Admin or Operator of the ad account; a service user is best.",
            "Retry the run.",
        ),
    ),
    ResolutionKey.MISSING_PERMISSIONS: (
        "Missing advertiser permissions",
        "The TikTok user who authorised the credential may not do this on this ad account, pixel or event set.",
        (
            "Ask who authorised the credential to be Admin or Operator of the ad account; Analyst is not enough.",
            "Check that the pixel, event set or audience belongs to this ad account or is shared with it.",
            "Reauthorise the credential and tick every permission on TikTok's consent page.",
            "Retry the run.",
        ),
    ),
    ResolutionKey.AUDIENCE_LIMIT: (
        "Maximum audience limit",
        "A TikTok ad account holds at most 400 custom audiences.",
        (
            "Delete audiences that are no longer used in TikTok Ads Manager, under Tools > Audiences.",
            "Or reuse an existing audience by giving its name as the Audience name.",
            "Retry the run.",
        ),
    ),
    ResolutionKey.AUDIENCE_NOT_FOUND: (
        "Audience not found",
        "The audience was deleted at TikTok, or belongs to another ad account.",
        (
            "Look for the audience in TikTok Ads Manager, under Tools > Audiences.",
            "Restart the orchestration to create it anew, or choose another Audience name.",
        ),
    ),
    ResolutionKey.AUDIENCE_NOT_READY: (
        "Audience cannot be edited now",
        "TikTok is still processing the audience, or fewer than 1,000 of its members were matched.",
        (
            "Wait: the delivery is tried again by itself.",
            "If it does not recover within a day, check in TikTok Ads Manager whether the audience shows a size of 0.",
            "If so, send a larger list: TikTok needs at least 1,000 matched members.",
        ),
    ),
    ResolutionKey.AUDIENCE_TOO_SMALL: (
        "Too few members",
        "TikTok refuses a file after which an audience has fewer than 1,000 members that it can match to its users.",
        (
            "Send a larger list, or more User ID types per person: not every id belongs to a TikTok user.",
            "For a removal, use the streaming transport with an audience of its own: it knows no such floor.",
            "Restart the run.",
        ),
    ),
    ResolutionKey.AUDIENCE_OF_OTHER_IDS: (
        "Audience made of other ids",
        "The audience of this name was created from files with other kinds of ids than the destination's User ID type.",
        (
            "Choose another Audience name: a new audience is created for these User ID types.",
            "Or set the User ID types back to those that the audience was created with.",
            "Restart the run.",
        ),
    ),
    ResolutionKey.EVENT_SOURCE_NOT_FOUND: (
        "Event source not found",
        "TikTok knows no event set or pixel with this ID, or it is of another kind than the event source chosen.",
        (
            "For offline events give the 19-digit event set ID; for web events the pixel code, not its number.",
            "Find both in TikTok Events Manager; the event set or pixel must exist before events can be sent.",
            "Check that it belongs to the ad account of the destination.",
            "Correct the Event set ID / Event source ID and restart the run.",
        ),
    ),
    ResolutionKey.NOT_ALLOW_LISTED: (
        "Not on TikTok's allow-list",
        "TikTok opens this feature only to accounts or apps on its allow-list.",
        (
            "Ask your TikTok representative to enable it for the ad account and for this application.",
            "For audiences, choose the file upload transport meanwhile.",
        ),
    ),
    ResolutionKey.THROTTLED: (
        "Throttled",
        "More requests were sent than TikTok allows for this application, ad account or pixel.",
        (
            "Wait: the delivery slows down and is tried again by itself.",
            "Check that no other tool sends to the same pixel or ad account at the same time.",
            "If it lasts more than an hour, open a ticket with TikTok and quote the request ID.",
        ),
    ),
    ResolutionKey.NO_ELIGIBLE_ROWS: (
        "No eligible rows",
        "The query returned no row that can be sent.",
        (
            "Look at the rejected rows and their reasons on the run page.",
            "Preview the query and check that it returns rows with an e-mail, a phone or the other identity required.",
            "Correct the query or the data and restart the run.",
        ),
    ),
    ResolutionKey.MISSING_COLUMN: (
        "Missing column",
        "The query does not return a column that the destination requires.",
        (
            "Give the column its name in the query with an alias, for example SELECT customer_email AS email.",
            "Save the query; its columns are checked again.",
            "Restart the run.",
        ),
    ),
    ResolutionKey.TIKTOK_UNAVAILABLE: (
        "TikTok is having problems",
        "TikTok's servers failed, answered nothing understandable, or did not answer in time.",
        (
            "Wait: the delivery is tried again by itself, and events keep their IDs so that none is counted twice.",
            "Look at TikTok's status page for an incident.",
            "If rows remain unknown, replay them within 48 hours.",
        ),
    ),
    ResolutionKey.REJECTED_DATA: (
        "TikTok refused the data",
        "At least one value in the request is not what TikTok expects.",
        (
            "Read TikTok's message: it names the field.",
            "Download the refused rows from the run page and correct the query or the data.",
            "Replay the refused rows.",
        ),
    ),
    ResolutionKey.INVALID_SETTING: (
        "Invalid setting",
        "TikTok refused a value that comes from the destination's settings, not from a row.",
        (
            "Read TikTok's message: it names the field.",
            "Correct the setting of the destination or orchestration and restart the run.",
        ),
    ),
    ResolutionKey.PRODUCT_DEFECT: (
        "Unexpected answer from TikTok",
        "TikTok does not accept the way this product asked; your data and settings are not the cause.",
        (
            "Check that the operator's TIKTOK_API_URL is TikTok's, or the emulator's, full address.",
            "Report it to the operator of this product with the request ID and the return code.",
        ),
    ),
    ResolutionKey.PREPARED_DATA_LOST: (
        "Prepared requests are gone",
        "What this run had prepared was deleted from storage, or damaged there; TikTok is not the cause.",
        (
            "Start a new run: it prepares everything anew, and TikTok counts events that it already has once.",
            "Ask the operator whether files are deleted from the storage that HUB_STORAGE_URL names.",
        ),
    ),
    ResolutionKey.APP_NOT_ACCEPTED: (
        "TikTok app not accepted",
        "TikTok does not accept this product's developer app: its ID, secret, approval or permissions.",
        (
            "Ask the operator to compare TIKTOK_APP_ID and TIKTOK_APP_SECRET with TikTok's developer portal.",
            "Check in the portal that the app is approved and has the permissions for events and audiences.",
            "Reauthorise the credential if it was authorised with another app.",
        ),
    ),
    ResolutionKey.AUTHORIZATION_EXPIRED: (
        "Authorization not completed",
        "The code that TikTok handed over is used, expired or was cancelled.",
        (
            "Generate a new authorization link.",
            "Open it and finish TikTok's pages without going back or reloading.",
        ),
    ),
    ResolutionKey.NOT_REACHABLE: (
        "TikTok cannot be reached",
        "No connection to TikTok could be made from this server, or TikTok blocks its address.",
        (
            "Ask the operator to check the server's Internet access, DNS, proxy (HTTPS_PROXY) and TIKTOK_API_URL.",
            "Retry the run when TikTok can be reached.",
        ),
    ),
    ResolutionKey.QUERY_FAILED: (
        "The query failed",
        "The database could not run the query.",
        (
            "Read the message of the database on the run page.",
            "Open the query, correct it and look at its preview.",
            "Restart the run.",
        ),
    ),
}

_ACTIONS: dict[ResolutionKey, tuple[ResolutionAction, ...]] = {
    ResolutionKey.ADVERTISER_NOT_FOUND: (Act.DESTINATION, Act.CREDENTIAL, Act.RESTART),
    ResolutionKey.INVALID_CREDENTIALS: (Act.CREDENTIAL, Act.RETRY),
    ResolutionKey.MISSING_PERMISSIONS: (Act.CREDENTIAL, Act.DESTINATION, Act.RETRY),
    ResolutionKey.AUDIENCE_LIMIT: (Act.AUDIENCE, Act.ORCHESTRATION, Act.RETRY),
    ResolutionKey.AUDIENCE_NOT_FOUND: (Act.AUDIENCE, Act.ORCHESTRATION, Act.RESTART),
    ResolutionKey.AUDIENCE_NOT_READY: (Act.AUDIENCE, Act.ORCHESTRATION, Act.RETRY, Act.CANCEL),
    ResolutionKey.AUDIENCE_TOO_SMALL: (Act.AUDIENCE, Act.ORCHESTRATION, Act.QUERY, Act.RESTART),
    ResolutionKey.AUDIENCE_OF_OTHER_IDS: (Act.AUDIENCE, Act.ORCHESTRATION, Act.RESTART),
    ResolutionKey.EVENT_SOURCE_NOT_FOUND: (Act.DESTINATION, Act.ORCHESTRATION, Act.RESTART),
    ResolutionKey.NOT_ALLOW_LISTED: (Act.DESTINATION, Act.RETRY),
    ResolutionKey.THROTTLED: (Act.RETRY, Act.DESTINATION, Act.CANCEL),
    ResolutionKey.NO_ELIGIBLE_ROWS: (Act.QUERY, Act.RESTART, Act.REPLAY, Act.SKIP),
    ResolutionKey.MISSING_COLUMN: (Act.QUERY, Act.DATASET, Act.RESTART),
    ResolutionKey.TIKTOK_UNAVAILABLE: (Act.RETRY, Act.REPLAY, Act.DESTINATION, Act.CANCEL),
    ResolutionKey.REJECTED_DATA: (Act.QUERY, Act.REPLAY, Act.RESTART, Act.SKIP),
    ResolutionKey.INVALID_SETTING: (Act.DESTINATION, Act.ORCHESTRATION, Act.RESTART),
    ResolutionKey.PRODUCT_DEFECT: (Act.RETRY, Act.DESTINATION),
    ResolutionKey.APP_NOT_ACCEPTED: (Act.CREDENTIAL, Act.RETRY),
    ResolutionKey.AUTHORIZATION_EXPIRED: (Act.CREDENTIAL, Act.RETRY),
    ResolutionKey.NOT_REACHABLE: (Act.RETRY, Act.DESTINATION),
    ResolutionKey.QUERY_FAILED: (Act.QUERY, Act.RESTART),
    ResolutionKey.PREPARED_DATA_LOST: (Act.RESTART, Act.SKIP),
}

RESOLUTIONS: dict[ResolutionKey, Resolution] = {
    key: Resolution(key, *texts, _ACTIONS[key]) for key, texts in _TEXTS.items()
}


def resolution_get(key: ResolutionKey | str) -> Resolution:
    """Return the resolution with this key; an unknown key is a `ValueError`."""
    return RESOLUTIONS[ResolutionKey(key)]
