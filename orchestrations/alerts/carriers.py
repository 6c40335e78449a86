"""Carry one message to where a channel leads: a mail server, a chat, a program. Nothing is raised: an outcome is."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from orchestrations.alerts import signing
from orchestrations.alerts.choices import ChannelKind
from orchestrations.alerts.gathering import Document, message_chat, message_text
from orchestrations.alerts.models import Channel
from tiktok_hub import outbound
from tiktok_hub.crypto import SecretUnreadableError
from tiktok_hub.mail import MailError, mail_hand_over

ANSWER_LONGEST = 100  # characters
# What may be a secret, an address or somebody's id in an answer's first line.
_VEILED = re.compile(r"\S*@\S*|https?:\S*|[\w+/=-]{16,}|\d{6,}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went: a sentence for people, the HTTP status where there was one, seconds, the answer's first line."""

    good: bool
    sentence: str
    code: int | None = None
    seconds: float = 0.0
    answer: str = ""


@sensitive_variables()
def message_carry(channel: Channel, document: Document) -> Outcome:
    """Send a message, and say how it went."""
    started = time.monotonic()
    try:
        good, sentence, code, answer = _CARRIERS[ChannelKind(channel.kind)](channel, document)
    except MailError as error:
        good, sentence, code, answer = False, str(error), None, ""
    except SecretUnreadableError:
        good, sentence, code, answer = False, "The URL or secret cannot be decrypted. Enter it again.", None, ""
    except requests.RequestException as error:
        good, sentence, code, answer = False, _reason(error), None, ""
    return Outcome(good, sentence, code, time.monotonic() - started, answer)


Carried = tuple[bool, str, int | None, str]


def _email(channel: Channel, document: Document) -> Carried:
    mail_hand_over(
        to=channel.addresses, subject=document["title"], text=message_text(document), message_id=document["id"]
    )
    number = len(channel.addresses)
    return True, f"The mail server took the message for {number} address{'es' if number > 1 else ''}.", None, ""


@sensitive_variables()
def _slack(channel: Channel, document: Document) -> Carried:
    return _post(channel, json.dumps({"text": message_chat(document)}).encode(), {})


@sensitive_variables()
def _webhook(channel: Channel, document: Document) -> Carried:
    # Databases give keys back in an order of their own, and a repeat has to be the same byte by byte.
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    now = timezone.now()
    keys = [channel.secret.reveal()]
    if channel.secret_before_until is not None and channel.secret_before_until > now:
        keys.append(channel.secret_before.reveal())
    return _post(channel, body, signing.headers(keys, document["id"], int(now.timestamp()), body))


@sensitive_variables()
def _post(channel: Channel, body: bytes, headers: dict[str, str]) -> Carried:
    """Send one request; an answer from 200 to 299 is good, and redirects are not followed."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    with outbound.session() as session:
        answer = session.post(channel.url.reveal(), data=body, headers={**kind, **headers}, allow_redirects=False)
    good = answer.ok and not answer.is_redirect
    sentence = "The receiver took the message." if good else _refusal(answer)
    return good, sentence, answer.status_code, first_line(answer.content)


def _refusal(answer: requests.Response) -> str:
    if answer.is_redirect:
        return f"The receiver answered {answer.status_code}, a redirect, which is not followed. Enter the final URL."
    hint = {401: "it wants other credentials", 403: "it refuses", 404: "it knows no such address", 410: "it is gone"}
    known = f": {hint[answer.status_code]}. Check the URL." if answer.status_code in hint else "."
    return f"The receiver answered {answer.status_code}{known}"


def _reason(error: requests.RequestException) -> str:
    """Say why nothing came back, in words of our own: the error's may hold the URL."""
    if isinstance(error, outbound.OutboundError):
        return error.sentence
    if isinstance(error, requests.Timeout):
        return "The receiver did not answer in time."
    if isinstance(error, requests.exceptions.SSLError):
        return "The receiver's certificate is not accepted."
    return "The receiver could not be reached, or broke the connection off."


def first_line(content: bytes) -> str:
    """Return the first line of an answer, without what may be a secret or personal."""
    line = content[:1000].decode(errors="replace").strip().split("\n")[0]
    return _VEILED.sub("•••", "".join(each for each in line if each.isprintable()))[:ANSWER_LONGEST]


_CARRIERS: dict[ChannelKind, Callable[[Channel, dict[str, Any]], Carried]] = {
    ChannelKind.EMAIL: _email,
    ChannelKind.SLACK: _slack,
    ChannelKind.WEBHOOK: _webhook,
}
