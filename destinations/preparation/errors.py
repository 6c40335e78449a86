"""What goes wrong in preparation as a whole. A bad row never raises: it becomes an issue."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

FULL = re.compile("No space left on device|Disk quota exceeded|File too large")


class PreparationError(Exception):
    """The rows could not be prepared at all.

    The text is made for people and never holds a value of a row: an engine's own message may quote one.
    """


class NoRoomError(PreparationError):
    """The engine found no room on the disk for what does not fit into its memory."""


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn what the engine raises into a PreparationError, without the engine's own words."""
    try:
        yield
    except duckdb.InterruptException:
        raise PreparationError("Preparation was interrupted.") from None
    except duckdb.OutOfMemoryException:
        raise PreparationError("The rows need more memory than the engine may use. Raise its memory limit.") from None
    except duckdb.Error as error:
        if isinstance(error, duckdb.IOException) and FULL.search(str(error)):
            raise NoRoomError("The disk of this machine is full.") from None
        raise PreparationError(f"The engine could not read the rows ({type(error).__name__}).") from None
