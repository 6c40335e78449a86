"""Keep channels and rules, and say what is old."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from orchestrations.alerts import signing
from orchestrations.alerts.choices import OPEN_DELIVERIES, PERCENT, TENANT_ONLY, ChannelKind, RuleKind
from orchestrations.alerts.models import Channel, Delivery, Incident, Notice, Rule, RuleChannel, Sighting, Watch
from orchestrations.choices import RunStatus
from orchestrations.models import Orchestration, Run
from tiktok_hub import outbound

BOTH_SECRETS = timedelta(hours=24)  # for which the secret before a rotation signs, too
MOST_ADDRESSES = 50


def addresses_read(values: Iterable[str]) -> list[str]:
    """Return e-mail addresses, each once; raise ValidationError naming what is none."""
    found = list(dict.fromkeys(value.strip().lower() for value in values if value.strip()))
    for value in found:
        try:
            validate_email(value)
        except ValidationError:
            raise ValidationError(f"“{value}” is no e-mail address.") from None
    if len(found) > MOST_ADDRESSES:
        raise ValidationError(f"At most {MOST_ADDRESSES} addresses. Use a mailing list for more.")
    return found


@sensitive_variables()
def channel_check(*, kind: str, addresses: Collection[str], url: str, resolve: outbound.Resolver | None = None) -> None:
    """Raise ValidationError, by field, where a channel would lead nowhere or into our own network."""
    if kind == ChannelKind.EMAIL:
        if not addresses:
            raise ValidationError({"addresses": "Enter at least one address."})
        return
    if not url:
        raise ValidationError({"url": "Enter the URL of the webhook."})
    try:
        outbound.url_check(url, resolve=resolve)
    except ValidationError as error:
        raise ValidationError({"url": error.messages}) from None


def channel_save(*, channel: Channel, kinds: Collection[str] | None = None) -> None:
    """Store a channel, and have the tenant's rules of `kinds` tell it: these and no others (None: as they do now).

    A signed webhook gets a secret with its first saving. One that is switched off forgets what waits for it.
    """
    with transaction.atomic():
        if channel.kind == ChannelKind.WEBHOOK and not channel.secret:
            channel.secret = signing.secret_make()
        channel.save()
        if not channel.enabled:
            Notice.objects.filter(channel=channel, delivery=None).delete()
        for kind in RuleKind.values if kinds is not None else ():
            _tell(channel, kind, kind in (kinds or ()))


def _tell(channel: Channel, kind: str, told: bool) -> None:
    """Have the tenant's rule of a kind tell a channel, or not; it is made when it is first needed."""
    rule = Rule.objects.filter(kind=kind, orchestration=None).first()
    if rule is None and told:
        rule = Rule(tenant=channel.tenant, kind=kind, percent=PERCENT.get(kind))
        rule_save(rule=rule, channels=[channel])
    elif rule is not None:
        others = [each for each in rule.channels.all() if each != channel]
        rule_save(rule=rule, channels=[*others, channel] if told else others)


@sensitive_variables()
def channel_rotate(*, channel: Channel) -> str:
    """Give a signed webhook a new secret and return it, this once; the one before signs beside it for a day."""
    if channel.kind != ChannelKind.WEBHOOK:
        raise ValidationError("Only signed webhooks have a secret.")
    secret = signing.secret_make()
    channel.secret_before, channel.secret = channel.secret, secret
    channel.secret_before_until = timezone.now() + BOTH_SECRETS
    channel.save()
    return secret


def rule_save(*, rule: Rule, channels: Iterable[Channel]) -> None:
    """Store a rule with its channels; from when it is switched on, what happens is told.

    Raise ValidationError where there is one of its kind already, or an orchestration cannot have one.
    """
    rule_check(rule)
    with transaction.atomic():
        was = Rule.objects.filter(pk=rule.pk).first() if rule.pk else None
        if was is None or (rule.enabled and not was.enabled):
            rule.since = timezone.now()
        rule.percent = rule.percent if rule.percent is not None else PERCENT.get(rule.kind)
        if rule.kind not in PERCENT:
            rule.percent = None
        rule.save()
        wanted, told = {each.pk: each for each in channels}, RuleChannel.objects.filter(rule=rule)
        for gone in told.exclude(channel__in=wanted):
            gone.delete()
        for pk in set(wanted) - set(told.values_list("channel_id", flat=True)):
            RuleChannel.objects.create(tenant=rule.tenant, rule=rule, channel=wanted[pk])


def rule_check(rule: Rule) -> None:
    """Raise ValidationError, by field, for a second rule of a kind, or one that an orchestration cannot have."""
    own: Orchestration | None = rule.orchestration
    if own is not None and rule.kind in TENANT_ONLY:
        raise ValidationError({"orchestration": "Credentials belong to no orchestration. Leave this empty."})
    if Rule.objects.filter(kind=rule.kind, orchestration=own).exclude(pk=rule.pk).exists():
        of = f"“{own}” has" if own is not None else "The tenant has"
        raise ValidationError({"kind": f"{of} a rule of this kind already. Change that one."})


def alerts_old(before: datetime) -> "tuple[QuerySet[Any], ...]":
    """Return deliveries, incidents and marks of the opened tenant that ended before a time, for retention.

    What is open, waits or is being sent is not among them, and neither are the marks of runs that are still held.
    """
    held = Run.objects.filter(status=RunStatus.HELD).values("pk")
    watch = Watch.objects.first()
    seen = min(before, watch.looked_until - timedelta(days=1)) if watch is not None else before
    return (
        Delivery.objects.filter(created_at__lt=before).exclude(status__in=OPEN_DELIVERIES),
        Incident.objects.filter(closed_at__lt=before).exclude(notices__delivery=None, notices__isnull=False),
        Sighting.objects.filter(at__lt=seen).exclude(run__in=held, group=False),
    )
