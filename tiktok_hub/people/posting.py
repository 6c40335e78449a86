"""Send e-mail beside a request, where the time that it takes must not tell anything."""

from threading import Thread

from tiktok_hub.mail import mail_possible, mail_send


def post_later(*, to: str, subject: str, text: str) -> Thread | None:
    """Hand a message to the mail server in a thread of its own, which ends with the process."""
    if not mail_possible():
        return None
    thread = Thread(target=mail_send, kwargs={"to": to, "subject": subject, "text": text}, name="mail", daemon=True)
    thread.start()
    return thread
