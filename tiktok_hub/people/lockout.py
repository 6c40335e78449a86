"""Lock out who guesses: after too many failures for an address from one place, or from one place in all.

django-axes counts in the database, so that all web processes know. What was typed as an e-mail address is kept as a
keyed digest only: people type passwords there. Wrong second factors count like wrong passwords.
"""

from datetime import datetime
from math import ceil
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import user_login_failed
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from tiktok_hub.people.pages import page
from tiktok_hub.tenancy.models import User

# An office shares one address: all its people together may fail this many times as often as one of them.
PER_PLACE = 5


def name_digest(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """Return what the lock-out knows somebody by: a keyed digest of the address that was typed."""
    typed = str((credentials or {}).get("username") or "").strip().lower()
    return str(salted_hmac("tiktok_hub.people.lockout", typed, algorithm="sha256").hexdigest())


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """Count per address and place, and per place with a wider limit; a success forgives the address and place only."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the failures that count against the limit."""
        sums = [
            attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        ]
        person, place = sums
        return max(person, place // PER_PLACE)

    def reset_user_attempts(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Forget the failures of this address from this place: somebody else's from there stay counted."""
        person = self.filter_user_attempts(request, credentials)[0]
        return int(person.delete()[0])


def lockout_allows(request: HttpRequest, user: User) -> bool:
    """Say whether somebody who is known may try from here, for checks that do not go through `authenticate`."""
    from axes.handlers.proxy import AxesProxyHandler

    return bool(AxesProxyHandler.is_allowed(request, {"username": user.email}))


def lockout_count(request: HttpRequest, user: User) -> None:
    """Count a failure of somebody who is known: a wrong second factor."""
    user_login_failed.send(sender=__name__, credentials={"username": user.email}, request=request)


def lockout_forget(user: User) -> None:
    """Forget the failures of somebody who has proved who they are in another way."""
    AccessAttempt.objects.filter(username=name_digest(None, {"username": user.email})).delete()


def lockout_response(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """Say that it was too often and when to try again; 429, whether the address is known or not."""
    again = lockout_end(request, credentials)
    answer = page(request, "people/locked.html", status=429, title="Too many attempts", again=again)
    answer["Retry-After"] = str(max(1, ceil((again - timezone.now()).total_seconds())))
    return answer


def lockout_end(request: HttpRequest, credentials: dict[str, Any] | None) -> datetime:
    """Return when the failures that lock this request out will be forgotten."""
    cooloff = get_cool_off(request) or settings.AXES_COOLOFF_TIME
    found = AxesDatabaseHandler().get_user_attempts(request, credentials)
    last = max((attempts.aggregate(last=Max("attempt_time"))["last"] or timezone.now()) for attempts in found)
    return last + cooloff
