"""Second factors: who has one, codes that work once, resetting, and their secrets under new keys."""

from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django import forms
from django.db import transaction

from tiktok_hub.crypto import SecretUnreadableError, decrypt, encrypt
from tiktok_hub.people.lockout import lockout_allows, lockout_count
from tiktok_hub.tenancy.models import User

# The kinds that are asked for at log-in; recovery codes only stand in for them.
KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# Where each kind keeps its secret.
_SECRETS = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


def has_factor(user: User) -> bool:
    """Say whether somebody is asked for a second factor at log-in."""
    return bool(Authenticator.objects.filter(user=user, type__in=KINDS).exists())


def factors_reset(*, user: User) -> int:
    """Take all second factors from somebody who lost them; return how many there were."""
    with transaction.atomic():
        found = list(Authenticator.objects.filter(user=user))
        for authenticator in found:
            authenticator.delete()
    return len(found)


def code_spend(authenticator: Authenticator, code: str) -> bool:
    """Use an app's code up for all web processes; False where it, or a later one, was used before (RFC 6238, 5.2)."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        secret = decrypt(row.data["secret"])
        steps = [
            step
            for step in yield_hotp_counters_from_time()
            if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step)))
        ]
        if not steps or max(steps) <= row.data.get("spent", 0):
            return False
        row.data["spent"] = max(steps)
        row.save(update_fields=["data"])
    authenticator.data = row.data
    return True


class _OnceForm(BaseAuthenticateForm):  # type: ignore[misc]
    """Take each code once, from places that are not locked out."""

    def clean_code(self) -> str:
        """Check the code; a used one counts as wrong."""
        request = context.request
        if not lockout_allows(request, self.user):
            raise forms.ValidationError("There were too many failed attempts. Try again later.")
        code: str = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP and not code_spend(self.authenticator, code):
            lockout_count(request, self.user)
            raise forms.ValidationError("This code was used already. Wait for the next one.")
        return code


class CodeForm(_OnceForm, AuthenticateForm):  # type: ignore[misc]
    """Ask for a code at log-in."""


class ConfirmCodeForm(_OnceForm, ReauthenticateForm):  # type: ignore[misc]
    """Ask for a code before second factors change."""


def factor_secrets_rotate() -> tuple[int, list[str]]:
    """Encrypt the secrets of second factors anew; return how many there are, and the names of those no key opens."""
    rotated, unreadable = 0, []
    for pk in list(Authenticator.objects.filter(type__in=_SECRETS).values_list("pk", flat=True)):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if row is None:
                continue
            key = _SECRETS[Authenticator.Type(row.type)]
            try:
                row.data[key] = encrypt(decrypt(row.data[key]))
            except SecretUnreadableError:
                unreadable.append(f"mfa.authenticator.{key} of {pk}")
                continue
            row.save(update_fields=["data"])
            rotated += 1
    return rotated, unreadable
