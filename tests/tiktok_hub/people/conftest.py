"""A mailbox that the hub can send to."""

import re
import time
from collections.abc import Callable

import pytest
from django.core import mail


class Mailbox:
    """What the hub sent."""

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait for the thread that sends."""
        end = time.monotonic() + 5
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)

    def link(self) -> str:
        """Return the path of the link in the only message."""
        self.wait(lambda: mail.outbox)
        (message,) = mail.outbox
        return re.search(r"https?://[^/]+(/\S+)", message.body).group(1)


@pytest.fixture
def mailing(settings) -> Mailbox:
    """Give the hub a mail server."""
    settings.EMAIL_URL = "memorymail://"
    return Mailbox()
