"""Which tests run once, and which are begun first."""

from collections.abc import Iterable

import pytest

ONCE = (
    "tests/destinations/emulator",
    "tests/destinations/preparation",
    "tests/destinations/specs",
    "tests/destinations/tiktok",
    "tests/orchestrations/sources",
)
"""They know no database: they run on the first one only, since on a second they would prove nothing."""

FIRST = ("tests/test_policy_walk.py", "tests/leaks", "tests/browser", "tests/conformance", "tests/test_tenant_walk.py")
"""They take minutes: begun last, one process would work through them while the others have nothing left to do."""

DATABASE = {"db", "transactional_db", "live_server"}


def database_refuse(items: Iterable[pytest.Item]) -> None:
    """Refuse a test in one of these folders that asks for the database; raise UsageError that says what to do."""
    for item in items:
        if item.nodeid.startswith(ONCE) and asks_for_database(item):
            raise pytest.UsageError(f"{item.nodeid} needs a database: move it, or take its folder out of ONCE.")


def asks_for_database(item: pytest.Item) -> bool:
    """Say whether a test reads or writes the database."""
    return item.get_closest_marker("django_db") is not None or bool(DATABASE & set(getattr(item, "fixturenames", ())))


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests that take longest at the front; the others keep their order."""
    items.sort(
        key=lambda item: next((at for at, place in enumerate(FIRST) if item.nodeid.startswith(place)), len(FIRST))
    )
