"""Tell the audit log who came in, who failed to, and what became of passwords and second factors.

A person's entry stands in the log of each tenant they belong to; of a session that single sign-on opened, in that
tenant's only. What strangers typed is never written down: it may be a password.
"""

from typing import Any

from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest

from tiktok_hub.acting import Via, acting, acting_as, client_ip
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import Change, audit_record
from tiktok_hub.people.lockout import lockout_count
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


def listen() -> None:
    """Connect the signals of log-ins, lock-outs and second factors."""
    user_logged_in.connect(_logged_in, dispatch_uid="people-logged-in")
    user_logged_out.connect(_logged_out, dispatch_uid="people-logged-out")
    user_login_failed.connect(_failed, dispatch_uid="people-login-failed")
    user_locked_out.connect(_locked, dispatch_uid="people-locked-out")
    mfa_signals.authentication_failed.connect(_factor_failed, dispatch_uid="people-factor-failed")
    post_save.connect(_factor_saved, sender=Authenticator, dispatch_uid="people-factor-saved")
    post_delete.connect(_factor_removed, sender=Authenticator, dispatch_uid="people-factor-removed")


def person_record(action: Action, user: User, *, by: User | None = None, changes: tuple[Change, ...] = ()) -> None:
    """Write an entry about a person into the log of every tenant of theirs, or the installation's where there is none.

    `by` is who did it where that was somebody else.
    """
    tenants = _tenants(user)
    with transaction.atomic():
        for tenant in tenants:
            with tenant_scope(tenant):
                audit_record(action, user, user=by or user, tenant=tenant, changes=changes)
        if not tenants:
            with hub_scope():
                audit_record(action, user, user=by or user, changes=changes)


def _tenants(user: User) -> list[Tenant]:
    allowed = user.confined_to
    with hub_scope():
        held = Membership.objects.filter(user=user).select_related("tenant").order_by("tenant")
        return [row.tenant for row in held if allowed is None or row.tenant_id in allowed]


def _logged_in(sender: object, user: User, request: HttpRequest | None = None, **kwargs: Any) -> None:
    with _at(request, user):
        person_record(Action.LOGGED_IN, user)


def _logged_out(sender: object, user: User | None, request: HttpRequest | None = None, **kwargs: Any) -> None:
    if user is not None:
        with _at(request, user):
            person_record(Action.LOGGED_OUT, user)


def _failed(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    _about_typed(Action.LOGIN_FAILED, credentials, request)


def _locked(sender: object, request: HttpRequest, **kwargs: Any) -> None:
    _about_typed(Action.LOCKED_OUT, getattr(request, "axes_credentials", None) or {}, request)


def _about_typed(action: Action, credentials: dict[str, Any], request: HttpRequest | None) -> None:
    typed = str(credentials.get("username") or "").strip().lower()
    user = User.objects.filter(email=typed).first()
    with _at(request, None):
        if user is not None:
            person_record(action, user)
        else:
            with hub_scope():
                audit_record(action, name="somebody unknown")


def _factor_failed(sender: object, user: User, request: HttpRequest, **kwargs: Any) -> None:
    lockout_count(request, user)


def _factor_saved(sender: object, instance: Authenticator, created: bool, **kwargs: Any) -> None:
    if created:
        _factor(Action.FACTOR_ADDED, instance)


def _factor_removed(sender: object, instance: Authenticator, **kwargs: Any) -> None:
    _factor(Action.FACTOR_REMOVED, instance)


def _factor(action: Action, authenticator: Authenticator) -> None:
    kind = str(Authenticator.Type(authenticator.type).label)
    removed = action == Action.FACTOR_REMOVED
    change = {"field": "factor", "old": kind if removed else None, "new": None if removed else kind}
    person_record(action, authenticator.user, by=acting().user, changes=(change,))


def _at(request: HttpRequest | None, user: User | None) -> Any:
    """Say from where, also for requests that began before anybody was known."""
    return acting_as(user or acting().user, Via.WEB, client_ip(request) if request is not None else None)
