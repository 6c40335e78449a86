"""Send e-mail where the operator has set EMAIL_URL; say so where not, so that pages can offer another way."""

import logging
from collections.abc import Sequence
from email.utils import parseaddr
from smtplib import SMTPAuthenticationError, SMTPRecipientsRefused, SMTPResponseException, SMTPSenderRefused

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


class MailError(Exception):
    """A message that could not be handed to the mail server, with a sentence for people."""


def mail_hand_over(*, to: Sequence[str], subject: str, text: str, message_id: str) -> None:
    """Hand a plain message to the mail server; raise MailError with the reason where it is not taken.

    The same `message_id` at every try lets mail programs drop a repeat.
    """
    if not mail_possible():
        raise MailError("This installation has no mail server: its operator has to set EMAIL_URL.")
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    headers = {"Message-ID": f"<{message_id}@{domain or 'localhost'}>"}
    try:
        EmailMessage(" ".join(subject.split()), text, to=list(to), headers=headers).send()
    except SMTPAuthenticationError:
        raise MailError("The mail server refuses the hub's user name or password.") from None
    except SMTPRecipientsRefused:
        raise MailError("The mail server refuses the addresses. Check how they are written.") from None
    except SMTPSenderRefused:
        raise MailError("The mail server refuses the hub's own address (HUB_MAIL_FROM).") from None
    except SMTPResponseException as error:
        raise MailError(f"The mail server refused the message ({error.smtp_code}).") from None
    except (OSError, ValueError) as error:
        raise MailError(f"The mail server could not be reached ({type(error).__name__}).") from None
