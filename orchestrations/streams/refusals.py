"""Why a post is not accepted as a whole: what is answered, with a sentence for who posted."""


class CollectError(Exception):
    """A post that is not accepted as a whole: `status` is HTTP's, `retry_after` says in how many seconds to come again.

    The text is a plain sentence for who posted.
    """

    def __init__(self, status: int, code: str, sentence: str, *, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.code, self.retry_after = status, code, retry_after


NOT_FOUND = (404, "stream_not_found", "There is no stream at this address. Copy the address from the stream's page.")
NO_KEY = (401, "write_key_missing", "Send the stream's write key: “Authorization: Bearer <write key>”, or ?key=.")
BAD_KEY = (401, "write_key_invalid", "This write key is not one of the stream's, or it was revoked.")
DISABLED = (403, "stream_disabled", "This stream is switched off and takes nothing.")
BUSY = "More events come in than can be written down. Send them again in a few seconds."
FAILED = "The events could not be written down; nothing of this request was accepted. Send it again in a few seconds."


def not_written() -> CollectError:
    """Return the error of what could not be made durable, or not in time."""
    return CollectError(503, "not_written", FAILED, retry_after=5)
