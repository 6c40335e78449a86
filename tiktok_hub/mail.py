"""Send e-mail where the operator has set EMAIL_URL; say so where not, so that pages can offer another way."""

import logging

from django.conf import settings
from django.core.mail import EmailMessage

logger = logging.getLogger(__name__)


def mail_possible() -> bool:
    """Say whether this installation can send e-mail."""
    return bool(settings.EMAIL_URL)


def mail_send(*, to: str, subject: str, text: str) -> bool:
    """Send a plain message to one person; False where it could not be handed over, which is logged without address."""
    if not mail_possible():
        return False
    try:
        return bool(EmailMessage(" ".join(subject.split()), text, to=[to]).send())
    except OSError as error:
        logger.error("a message could not be handed to the mail server (%s)", type(error).__name__)
        return False
