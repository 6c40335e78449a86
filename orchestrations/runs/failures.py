"""Failures that arise here and not at TikTok, told apart by what to do about them."""

from errno import EDQUOT, EFBIG, ENOSPC

from destinations.preparation.errors import NoRoomError, PreparationError
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.runs.resolutions import LocalKey
from orchestrations.sources import DatasetError, DatasetFileError, QueryError, SourceError, StorageFullError

FULL = {ENOSPC, EDQUOT, EFBIG}
FULL_SENTENCE = "There is no room left in storage for what this run prepares."


class FailureError(Exception):
    """What ends a run in plain words: `key` names the resolution (see `resolutions`), the text is the sentence.

    The sentence holds no value of a row.
    """

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


def failure_of(error: Exception) -> FailureError | None:
    """Return what people are told of an error during preparation; None where nobody has foreseen it."""
    if isinstance(error, FailureError):
        return error
    if isinstance(error, (StorageFullError, NoRoomError)) or (isinstance(error, OSError) and error.errno in FULL):
        return FailureError(LocalKey.SPOOL_FULL, FULL_SENTENCE)
    if isinstance(error, DatasetFileError):
        return FailureError(LocalKey.DATASET_GONE if error.gone else LocalKey.DATASET_DAMAGED, str(error))
    if isinstance(error, SourceError):
        return FailureError(_source_key(error), str(error))
    return FailureError(LocalKey.PREPARATION_FAILED, str(error)) if isinstance(error, PreparationError) else None


def _source_key(error: SourceError) -> str:
    if isinstance(error, QueryError):
        return ResolutionKey.QUERY_FAILED
    return LocalKey.DATASET_DAMAGED if isinstance(error, DatasetError) else LocalKey.SOURCE_UNREACHABLE
