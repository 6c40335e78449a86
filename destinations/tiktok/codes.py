"""Hold TikTok's return codes as data: code → name, remedy, sentence for the business user, resolution.

Names are the SDK's constants, meanings those of TikTok document 1737172488964097. TikTok says that the return code
outranks the HTTP status (document 1749734684478466), which therefore decides only where the code is unknown or absent.
"""

import re
from dataclasses import dataclass

from destinations.tiktok.errors import (
    ConfigurationError,
    CredentialError,
    RejectedError,
    RetryableError,
    TikTokError,
)
from destinations.tiktok.resolutions import ResolutionKey as Key


@dataclass(frozen=True, slots=True)
class ReturnCode:
    """Say what one return code means; `remedy` None is success with the sentence as a warning.

    `retry_after` (seconds), `uncertain`, `throttled` and `scope` are those of `RetryableError`.
    """

    name: str
    remedy: type[TikTokError] | None
    sentence: str
    resolution: Key
    retry_after: float | None = None
    uncertain: bool = False
    throttled: bool = False
    scope: str = "app"


@dataclass(frozen=True, slots=True)
class MessageRule:
    """Replace the meaning of some codes where TikTok's message says more than the code."""

    codes: frozenset[int]
    pattern: re.Pattern[str]
    meaning: ReturnCode


def _done(name: str, sentence: str) -> ReturnCode:
    return ReturnCode(name, None, sentence, Key.REJECTED_DATA)


def _settings(name: str, sentence: str, resolution: Key = Key.INVALID_SETTING) -> ReturnCode:
    return ReturnCode(name, ConfigurationError, sentence, resolution)


def _defect(name: str, detail: str) -> ReturnCode:
    sentence = f"TikTok refused the request itself: {detail}. This is a fault of this product, not of your data."
    return ReturnCode(name, ConfigurationError, sentence, Key.PRODUCT_DEFECT)


def _reconnect(name: str, sentence: str, resolution: Key = Key.INVALID_CREDENTIALS) -> ReturnCode:
    return ReturnCode(name, CredentialError, sentence, resolution)


def _rejected(name: str, sentence: str, resolution: Key = Key.REJECTED_DATA) -> ReturnCode:
    return ReturnCode(name, RejectedError, sentence, resolution)


def _throttled(name: str, sentence: str, scope: str = "app", retry_after: float | None = None) -> ReturnCode:
    return ReturnCode(name, RetryableError, sentence, Key.THROTTLED, retry_after, throttled=True, scope=scope)


def _later(
    name: str, sentence: str, resolution: Key = Key.TIKTOK_UNAVAILABLE, after: float | None = None
) -> ReturnCode:
    return ReturnCode(name, RetryableError, sentence, resolution, after)


def _failed(name: str, detail: str) -> ReturnCode:
    sentence = f"TikTok is having problems ({detail}); whether it took the request is not known."
    return ReturnCode(name, RetryableError, sentence, Key.TIKTOK_UNAVAILABLE, uncertain=True)


_PERMISSION = "The TikTok user who authorised this credential may not do this on this ad account."
_SCOPE = "The credential lacks a permission that was not ticked when it was authorised."
_SIGNED_OUT = "TikTok no longer accepts the credential's access token."
_LINK = "TikTok's authorization code is used, expired or cancelled; the account has to be connected again."
_APP = "TikTok does not accept this product's developer app."
_THROTTLE = "TikTok allows no more requests from this application at the moment."
_ADVERTISER = "TikTok knows no ad account with this Advertiser ID."
_SOURCE = "TikTok does not know this event set or pixel, or it is of another kind than the event source chosen."
_AUDIENCE = "The audience no longer exists at TikTok."
_FIELD = "TikTok refused a value in the data."

CODES: dict[int, ReturnCode] = {
    # Success with a warning (product decision for 20001 and 40050).
    20001: _done("PARTIAL_OK", "TikTok accepted part of this batch."),
    40012: _done("NO_UPDATE", "Nothing had changed at TikTok."),
    40050: _done("DUPLICATED_REQUEST", "TikTok had received the same request before; it counts it once."),
    # The request and its fields.
    40000: _rejected("INVALID_PARAMS", _FIELD),
    40001: _reconnect("PERMISSION_ERROR", _PERMISSION, Key.MISSING_PERMISSIONS),
    40002: _rejected("PARAM_ERROR", _FIELD),
    40003: _reconnect("FORBIDDEN", _PERMISSION, Key.MISSING_PERMISSIONS),
    40006: _defect("VERSION_ERROR", "unknown API version"),
    40007: _settings("NOT_EXIST", "The audience, pixel or event set was deleted at TikTok.", Key.INVALID_SETTING),
    40008: _defect("NOT_IMPL", "the endpoint does not exist"),
    40009: _defect("SANDBOX_ONLY", "the call is for TikTok's sandbox"),
    40010: _defect("UNSUPPORTED_DOMAIN", "wrong host"),
    40011: _rejected("ID_LIMIT_EXCEED", "Too many IDs in one request.", Key.PRODUCT_DEFECT),
    40013: _defect("SANDBOX_ONLY", "the call is for TikTok's sandbox"),
    40014: _defect("SANDBOX_ONLY", "the call is for TikTok's sandbox"),
    40016: _throttled("BIZ_FC_ERROR", _THROTTLE),
    40051: _defect("INVALID_API_VERSION", "unknown API version"),
    40061: _rejected("INVALID_BATCH_SIZE", "Too many rows in one request.", Key.PRODUCT_DEFECT),
    40062: _rejected("PII_NOT_HASHED", "A personal value in the data is not hashed."),
    40063: _defect("INVALID_PARTNER_NAME", "unknown partner name"),
    40065: _defect("AGE_POLICY", "age policy"),
    # The app, the token, the permission.
    40100: _throttled("REQUEST_TOO_FREQUENT", _THROTTLE),
    40101: _reconnect("INVALID_PARTNER", "App ID, app secret and authorization code do not belong together."),
    40102: _reconnect("ACCESS_TOKEN_EXPIRE", "The credential's access token has expired."),
    40103: _reconnect("REFRESH_TOKEN_EXPIRE", "The credential's refresh token has expired."),
    40104: _reconnect("EMPTY_ACCESS_TOKEN", "The credential holds no access token."),
    40105: _reconnect("INVALID_ACCESS_TOKEN", _SIGNED_OUT),
    40106: _reconnect("INVALID_CORE_USER", "The TikTok user of this credential does not belong to this ad account."),
    40107: _reconnect("INVALID_REFRESH_TOKEN", "TikTok does not accept the credential's refresh token."),
    40108: _defect("INVALID_GRANT_TYPE", "wrong grant type"),
    40109: _defect("AES_ERROR", "encryption"),
    40110: _reconnect("AUTH_CODE_ERROR", _LINK, Key.AUTHORIZATION_EXPIRED),
    40112: _defect("PASSWORD_ERROR", "password"),
    40113: _settings("APP_FORBIDDEN", _APP, Key.APP_NOT_ACCEPTED),
    40114: _reconnect("ADVERTISER_LOGOUT", "The advertiser has withdrawn the authorization."),
    40115: _reconnect("AUTH_TIMESTAMP_EXPIRE", _LINK, Key.AUTHORIZATION_EXPIRED),
    40116: _defect("SIG_ERROR", "signature"),
    40117: _defect("APP_METHOD_FORBIDDEN", "method not allowed"),
    40118: _settings(
        "NOT_IN_WHITELIST", "TikTok has not enabled this feature for the account or app.", Key.NOT_ALLOW_LISTED
    ),
    40119: _reconnect("NOT_SAME_IDENTITY", "The developer app and the advertiser do not belong to the same company."),
    40120: _defect("CREATOR", "creator accounts are not used"),
    40121: _defect("CREATOR", "creator accounts are not used"),
    40122: _defect("CREATOR", "creator accounts are not used"),
    40124: _settings("DEVELOPER_REJECTED", "TikTok has not approved this product's app.", Key.APP_NOT_ACCEPTED),
    40125: _settings("DEVELOPER_NO_PERMISSION", "This product's app lacks a permission.", Key.APP_NOT_ACCEPTED),
    40126: _defect("GARM", "brand safety is not used"),
    40127: _defect("GARM", "brand safety is not used"),
    40128: _defect("GARM", "brand safety is not used"),
    40129: _defect("GARM", "brand safety is not used"),
    40130: _reconnect("SCOPE_NOT_AUTHORIZED", _SCOPE, Key.MISSING_PERMISSIONS),
    40131: _reconnect("TT_USER_OAUTH_FAILED", "TikTok could not authorise the user.", Key.MISSING_PERMISSIONS),
    40132: _throttled(
        "REQUEST_FREQUENCY_LIMITED", "TikTok allows no more requests for this pixel or event set.", "event_source", 60
    ),
    40133: _throttled("ADVERTISER_QPS_LIMITED", "TikTok allows no more requests for this ad account.", "advertiser"),
    # Tasks, objects, accounts.
    40200: _rejected("GENERAL_TASK_ERROR", "TikTok could not finish the task."),
    40201: _later("TASK_NOT_READY", "TikTok has not finished the task yet."),
    40202: _later("WRITE_CONFLICT", "Somebody else is changing the same object at TikTok."),
    40300: _settings("ADVERTISER_NOT_EXIST", _ADVERTISER, Key.ADVERTISER_NOT_FOUND),
    40301: _settings("ADVERTISER_ROLE_ERROR", "This TikTok account is no ad account.", Key.ADVERTISER_NOT_FOUND),
    40302: _settings("CUSTOMER_ERROR", _ADVERTISER, Key.ADVERTISER_NOT_FOUND),
    40309: _reconnect("REQUIRE_LOGIN", _SIGNED_OUT),
    40400: _defect("ROUTE_NOT_FOUND", "the endpoint does not exist"),
    40502: _defect("AD_NUMBER_LIMIT", "ads are not used"),
    40700: _rejected("RPC_VALIDATION_ERROR", _FIELD),
    # Files.
    40900: _later("SIGNATURE_ERROR", "The file arrived damaged at TikTok.", Key.PRODUCT_DEFECT),
    40905: _later("FILE_NOT_EXIST", "TikTok no longer has the uploaded file."),
    40906: _rejected("FILE_EMPTY", "The list of people is empty.", Key.NO_ELIGIBLE_ROWS),
    40907: _rejected("FILE_TOO_LARGE", "The file is too large for TikTok.", Key.PRODUCT_DEFECT),
    40908: _defect("FILE_TYPE_ERROR", "file suffix"),
    40909: _defect("FILE_CALCULATE_TYPE_ERROR", "kind of file"),
    40910: _later("FILE_EXPIRED", "TikTok no longer has the uploaded file."),
    40914: _rejected("URL_FETCH_ERROR", "TikTok could not read the file."),
    40915: _rejected("FILE_UPLOAD_INVALID", "TikTok could not read the file."),
    # The place and the time.
    41000: _settings("BLOCKED", "TikTok blocks the address of this server.", Key.NOT_REACHABLE),
    41001: _defect("INTERFACE_OFFLINE", "the endpoint was switched off"),
    41002: _defect("FIELDS_OFFLINE", "a field was switched off"),
    50000: _failed("SYS_ERROR", "internal error"),
    50002: _failed("SYS_TIMEOUT", "internal timeout"),
    51003: _failed("DMP_ERROR", "audience service"),
    51010: _failed("SERVICE_TIMEOUT", "internal timeout"),
    51012: _failed("PIXEL_ERROR", "pixel service"),
    51063: _failed("SEGMENT_GATEWAY_ERROR", "audience gateway"),
    51305: _failed("SATELLITE_ERROR", "internal service"),
    53102: _failed("DESERIALIZE_ERROR", "data could not be read"),
    53103: _failed("SERIALIZE_ERROR", "data could not be written"),
    60001: _later("MAINTENANCE", "TikTok is under maintenance.", after=300),
    61000: _throttled("TOO_MANY_REQUESTS_BL", _THROTTLE),
    70001: _reconnect("INVALID_BIZ_AUTH_TYPE", "The kind of authorization does not fit this TikTok account."),
}

WARNING_CODES = frozenset(code for code, meaning in CODES.items() if meaning.remedy is None)
"""Success with a reservation."""

RANGES: tuple[tuple[range, ReturnCode], ...] = (
    (range(40000, 50000), _rejected("UNKNOWN_CLIENT_ERROR", "TikTok refused the request.")),
    (range(50000, 60000), _failed("UNKNOWN_SERVICE_ERROR", "service error")),
    (range(60000, 70000), _failed("UNKNOWN_PLATFORM_ERROR", "platform error")),
    (range(20000, 30000), _failed("UNKNOWN_PARTIAL", "unknown partial answer")),
)
OTHERWISE = _rejected("UNKNOWN", "TikTok refused the request with an unknown return code.")

STATUSES: tuple[tuple[range, ReturnCode], ...] = (
    (range(300, 400), _settings("REDIRECT", "The address of TikTok's API leads elsewhere.", Key.PRODUCT_DEFECT)),
    (range(400, 401), _rejected("BAD_REQUEST", "TikTok refused the request.")),
    (range(401, 402), _reconnect("UNAUTHORIZED", _SIGNED_OUT)),
    (range(403, 404), _reconnect("FORBIDDEN", _PERMISSION, Key.MISSING_PERMISSIONS)),
    (range(407, 408), _settings("PROXY_AUTHENTICATION", "The proxy of this server refuses it.", Key.NOT_REACHABLE)),
    (range(408, 409), _failed("REQUEST_TIMEOUT", "timeout")),
    (range(413, 414), _rejected("TOO_LARGE", "The request is too large for TikTok.", Key.PRODUCT_DEFECT)),
    (range(422, 423), _rejected("UNPROCESSABLE", _FIELD)),
    (range(429, 430), _throttled("TOO_MANY_REQUESTS", _THROTTLE)),
    (range(400, 500), _defect("HTTP_CLIENT_ERROR", "wrong path or method")),
    (range(500, 600), _failed("HTTP_SERVER_ERROR", "server error")),
)
UNREADABLE = _failed("UNREADABLE", "its answer could not be read")

#: HTTP statuses that say more than a return code which we do not know.
TELLING_STATUSES = frozenset({401, 403, 429, *range(500, 600)})


def _rule(codes: set[int], pattern: str, meaning: ReturnCode) -> MessageRule:
    return MessageRule(frozenset(codes), re.compile(pattern, re.IGNORECASE), meaning)


_FIELDS = {40000, 40002, 40700}
_NO_SOURCE = _settings("EVENT_SOURCE", _SOURCE, Key.EVENT_SOURCE_NOT_FOUND)
_NO_AUDIENCE = _settings("AUDIENCE", _AUDIENCE, Key.AUDIENCE_NOT_FOUND)
_NO_ADVERTISER = _settings("ADVERTISER", _ADVERTISER, Key.ADVERTISER_NOT_FOUND)
_FULL = _settings("AUDIENCE_LIMIT", "The ad account holds as many audiences as TikTok allows.", Key.AUDIENCE_LIMIT)
_BUSY = _later("NOT_EDITABLE", "TikTok does not let the audience be edited now.", Key.AUDIENCE_NOT_READY, 900)
_SMALL = _settings("TOO_SMALL", "The audience would have fewer than 1,000 members.", Key.AUDIENCE_TOO_SMALL)
_SOURCE_ACCESS = "The TikTok user who authorised this credential may not send to this pixel or event set."

#: The first rule that fits wins. Messages seen in production are in the tests, with where they were seen.
MESSAGE_RULES: tuple[MessageRule, ...] = (
    _rule({40001, 40003}, r"\bscope", _reconnect("PERMISSION_ERROR", _SCOPE, Key.MISSING_PERMISSIONS)),
    _rule({40001, 40003}, r"\bpixel|event[ _]s(et|ource)",
          _reconnect("PERMISSION_ERROR", _SOURCE_ACCESS, Key.MISSING_PERMISSIONS)),
    _rule({40001, 40002, 40003}, r"white ?-?list|allow ?-?list", CODES[40118]),
    _rule(_FIELDS, r"not editable|(being|is|still|under) process(ed|ing)", _BUSY),
    _rule(_FIELDS,
          r"^(?=.*\b(audiences?|users?|members?)\b).*\b((fewer|less|smaller) than|at least|minimum\b.*) 1[ ,]?000\b",
          _SMALL),
    _rule(_FIELDS | {40011},
          r"^(?!.*\b(name|characters?|users|members)\b)"
          r"(.*\baudiences?\b.*\b(limit|quota|maximum|exceed)"
          r"|.*\b(limit|quota|maximum|too many|exceed|at most).*audiences)",
          _FULL),
    _rule(_FIELDS, r"\b(event_source_id|event_set_ids?|pixel_code)\b", _NO_SOURCE),
    _rule(_FIELDS, r"(pixel|event (set|source))\b.*(not exist|not found|doesn.t exist|invalid|deleted)", _NO_SOURCE),
    _rule(_FIELDS, r"(invalid|unknown|no such) (pixel|event (set|source))", _NO_SOURCE),
    _rule(_FIELDS, r"\badvertiser[ _]?ids?\b|advertiser.*(not exist|not found|doesn.t exist)", _NO_ADVERTISER),
    _rule(_FIELDS, r"audience[ _]ids?\b|audience.*(not exist|not found|doesn.t exist|deleted)", _NO_AUDIENCE),
    _rule(_FIELDS, r"\b(test_event_code|event_source)\b",
          _settings("PARAM_ERROR", "TikTok refused a setting of the destination.")),
    _rule(_FIELDS, r"\bpartner_name\b", CODES[40063]),
    _rule({40007}, r"audience", _NO_AUDIENCE),
    _rule({40007}, r"advertiser", _NO_ADVERTISER),
    _rule({40007}, r"pixel|event[ _]s(et|ource)", _NO_SOURCE),
    _rule({40113}, r"inconsistent with the token",
          _reconnect("APP_FORBIDDEN", "The credential was authorised with another app.", Key.APP_NOT_ACCEPTED)),
)  # fmt: skip


def meaning_of(code: int, message: str = "", status: int = 200) -> ReturnCode:
    """Return what a return code means, in the light of TikTok's message and, for unknown codes, of the HTTP status."""
    for rule in MESSAGE_RULES:
        if code in rule.codes and rule.pattern.search(message):
            return rule.meaning
    if code in CODES:
        return CODES[code]
    if status in TELLING_STATUSES:
        return meaning_of_status(status)
    return next((meaning for codes, meaning in RANGES if code in codes), OTHERWISE)


def meaning_of_status(status: int) -> ReturnCode:
    """Return what an answer without a return code means; success cannot be read from a status, so 2xx is unreadable."""
    return next((meaning for statuses, meaning in STATUSES if status in statuses), UNREADABLE)


def error_from(
    meaning: ReturnCode,
    *,
    code: int | None = None,
    message: str = "",
    request_id: str = "",
    status: int | None = None,
    retry_after: float | None = None,
) -> TikTokError:
    """Make the error for a meaning that is no success; `retry_after` (seconds) is what the HTTP headers asked for."""
    remedy = meaning.remedy or RejectedError
    details = {"code": code, "message": message, "request_id": request_id, "status": status}
    if not issubclass(remedy, RetryableError):
        return remedy(meaning.sentence, resolution=meaning.resolution, **details)  # type: ignore[arg-type]
    return remedy(
        meaning.sentence,
        resolution=meaning.resolution,
        retry_after=meaning.retry_after if retry_after is None else retry_after,
        uncertain=meaning.uncertain,
        throttled=meaning.throttled,
        scope=meaning.scope,
        **details,
    )
