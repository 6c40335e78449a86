"""Pages are looked at over an orchestration that has run, with rows good and bad."""

from collections.abc import Callable

import pytest
from django.test import Client

from orchestrations.models import Orchestration, Run
from tests.orchestrations.conftest import order_rows

ROWS = 12


@pytest.fixture
def ready(acme, orchestration_of) -> Orchestration:
    """An orchestration of Acme that can run: every fourth row has an e-mail address that cannot exist."""
    rows = order_rows(ROWS, email=lambda index: "nobody" if index % 4 == 0 else f"person{index}@mail.example")
    return orchestration_of(acme, rows)


@pytest.fixture
def finished(emulator, ready, run_of) -> Run:
    """A run of it that has ended."""
    return run_of(ready)


@pytest.fixture
def person(request, client_of) -> Callable[[str], Client]:
    """Return the browser of somebody by the name of their fixture."""

    def browser(name: str) -> Client:
        return client_of(request.getfixturevalue(name))

    return browser


def text(response) -> str:
    """Return a page as text."""
    return response.content.decode()
