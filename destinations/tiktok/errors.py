"""Name every failure of a call to TikTok by what to do next.

    TikTokError
    ├── ConfigurationError   a human edits settings (or the operator the installation)
    ├── CredentialError      a human reconnects the TikTok account
    ├── RetryableError       the machine waits and tries again
    └── RejectedError        the data is wrong: bisect, then tell which rows

TikTok's return codes are translated into these once, by `codes.py`. No error ever holds a token, a request body or a
URL.
"""

from typing import Any, ClassVar

from destinations.tiktok.resolutions import Resolution, ResolutionKey, resolution_get


class TikTokError(Exception):
    """A call to TikTok that did not succeed.

    `sentence` speaks to the business user, `message` is TikTok's own text (redacted, at most 500 characters), `code`
    its return code (None when the answer held none), `status` the HTTP status (None when there was no answer) and
    `request_id` what TikTok's support asks for.
    """

    default_resolution: ClassVar[ResolutionKey] = ResolutionKey.PRODUCT_DEFECT

    def __init__(
        self,
        sentence: str,
        *,
        code: int | None = None,
        message: str = "",
        request_id: str = "",
        status: int | None = None,
        resolution: ResolutionKey | str | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.message = message
        self.request_id = request_id
        self.status = status
        self.resolution: Resolution = resolution_get(resolution or self.default_resolution)

    def __str__(self) -> str:
        """Return the sentence, and in brackets what TikTok said."""
        code = f"code {self.code}" if self.code is not None else ""
        status = f"HTTP {self.status}" if self.status not in (None, 200) else ""
        request = f"request {self.request_id}" if self.request_id else ""
        details = ", ".join(filter(None, (code, status, self.message, request)))
        return f"{self.sentence} (TikTok: {details})" if details else self.sentence

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error cross process borders: keyword arguments are lost by Exception's own way."""
        return _rebuild, (type(self), self.args, dict(vars(self)))


class ConfigurationError(TikTokError):
    """The request cannot succeed until a human edits settings; trying again or bisecting is useless."""

    default_resolution = ResolutionKey.INVALID_SETTING


class CredentialError(TikTokError):
    """TikTok does not accept the token, or not for this object: a human reconnects the account."""

    default_resolution = ResolutionKey.INVALID_CREDENTIALS


class RetryableError(TikTokError):
    """The same request may succeed later.

    `retry_after` is the wait in seconds that TikTok asks for or is known to need (None: the caller's own schedule).
    `uncertain` says that the request may have been carried out although no success was read. `throttled` says that
    TikTok, or our own rate limiter, wants fewer requests; `scope` then names whose limit it was: app, event_source or
    advertiser.
    """

    default_resolution = ResolutionKey.TIKTOK_UNAVAILABLE

    def __init__(
        self,
        sentence: str,
        *,
        retry_after: float | None = None,
        uncertain: bool = False,
        throttled: bool = False,
        scope: str = "app",
        **details: Any,
    ) -> None:
        super().__init__(sentence, **details)
        self.retry_after = retry_after
        self.uncertain = uncertain
        self.throttled = throttled
        self.scope = scope


class RejectedError(TikTokError):
    """TikTok refuses the data of this request; nothing of it was taken."""

    default_resolution = ResolutionKey.REJECTED_DATA


def _rebuild(cls: type[TikTokError], args: tuple[Any, ...], state: dict[str, Any]) -> TikTokError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error
