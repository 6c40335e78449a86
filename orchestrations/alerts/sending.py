"""Send what waits for a channel: one message at a time, one per gap, tried again until it is taken or given up.

The row of a delivery is *sending* before anything leaves, with a time until which that is believed. A worker that dies
then leaves a row that is due again, with the same id: it may arrive twice, and never not at all.
"""

from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from orchestrations.alerts.carriers import Outcome, message_carry
from orchestrations.alerts.choices import OPEN_DELIVERIES, DeliveryStatus
from orchestrations.alerts.gathering import counted, message_make, message_test
from orchestrations.alerts.models import Channel, Delivery, Notice, Rule
from tiktok_hub.metrics import count, families
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import hub_scope

LEASE = timedelta(minutes=2)  # longer than any receiver may take (tiktok_hub.outbound, EMAIL_TIMEOUT)
RETRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600))
MOST_NOTICES = 5000  # of one message


def tenants_watching() -> list[int]:
    """Return the tenants with rules or with something left to send; sandboxes rest."""
    with hub_scope():
        found = set(Rule.objects.filter(enabled=True).values_list("tenant_id", flat=True).distinct())
        found |= set(Notice.objects.filter(delivery=None).values_list("tenant_id", flat=True).distinct())
        found |= set(Delivery.objects.filter(status__in=OPEN_DELIVERIES).values_list("tenant_id", flat=True).distinct())
    return sorted(Tenant.objects.filter(pk__in=found, sandbox_of=None).values_list("pk", flat=True))


def channels_due(now: datetime | None = None) -> list[int]:
    """Return the channels of the opened tenant that have something to send now."""
    now = now or timezone.now()
    again = Delivery.objects.filter(status__in=OPEN_DELIVERIES, due_at__lte=now).values_list("channel_id", flat=True)
    waiting = Notice.objects.filter(_may_gather(now), delivery=None).values_list("channel_id", flat=True)
    return sorted({*again, *waiting.distinct()})


def channel_send(channel_id: int, now: datetime | None = None) -> Delivery | None:
    """Send what is due of a channel of the opened tenant; return the delivery, None where nothing is due."""
    now = now or timezone.now()
    delivery = _claim(channel_id, now)
    if delivery is not None:
        outcome = message_carry(delivery.channel, delivery.body)
        outcome_keep(delivery, outcome, now + timedelta(seconds=outcome.seconds))
        delivery.refresh_from_db()
    return delivery


def channel_test(channel: Channel) -> Delivery:
    """Send a test message now, once, whatever waits; return the delivery with its outcome."""
    message_id = uuid4()
    body = message_test(channel.tenant, message_id, channel.name)
    delivery = Delivery.objects.create(
        tenant=channel.tenant, channel=channel, message_id=message_id, test=True, title="Test message", body=body,
        attempts=1, due_at=timezone.now() + LEASE,
    )  # fmt: skip
    outcome_keep(delivery, message_carry(channel, body), timezone.now())
    delivery.refresh_from_db()
    return delivery


def outcome_keep(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """Write down how a try went that ended now, unless another worker has taken the delivery over meanwhile."""
    left = RETRIES[delivery.attempts - 1 :]
    again = not outcome.good and not delivery.test and bool(left)
    status = DeliveryStatus.SENT if outcome.good else DeliveryStatus.WAITING if again else DeliveryStatus.GIVEN_UP
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts, status=DeliveryStatus.SENDING)
        written = mine.update(
            status=status, due_at=now + left[0] if again else None, sent_at=now if outcome.good else None,
            code=outcome.code, seconds=outcome.seconds, outcome=outcome.sentence[:300], answer=outcome.answer,
        )  # fmt: skip
        if written:
            _channel_note(delivery.channel_id, outcome, now)
    if written:
        count(families.ALERTS, 1, delivery.channel.kind, status)


def _channel_note(channel_id: int, outcome: Outcome, now: datetime) -> None:
    """Let the channel's page say whether messages arrive."""
    row = Channel.objects.filter(pk=channel_id)
    if outcome.good:
        row.update(failures=0, problem="", sent_at=now)
    else:
        row.update(failures=F("failures") + 1, problem=outcome.sentence)


@transaction.atomic
def _claim(channel_id: int, now: datetime) -> Delivery | None:
    """Take what is due of a channel: a delivery whose time has come (again), else a new one of all that waits."""
    held = Channel.objects.select_for_update(of=("self",)).select_related("tenant")
    channel = held.filter(pk=channel_id).first()
    if channel is None or channel.tenant.sandbox_of_id is not None:
        return None
    opened = Delivery.objects.filter(channel=channel, test=False, status__in=OPEN_DELIVERIES).first()
    if opened is None:
        return _gather(channel, now)
    if opened.due_at is not None and opened.due_at > now:
        return None
    if opened.attempts > len(RETRIES):
        # Whoever was to send it died each time: it is not tried for ever.
        Delivery.objects.filter(pk=opened.pk).update(status=DeliveryStatus.GIVEN_UP, due_at=None)
        return None
    Delivery.objects.filter(pk=opened.pk).update(
        status=DeliveryStatus.SENDING, attempts=F("attempts") + 1, due_at=now + LEASE
    )
    return Delivery.objects.select_related("channel").get(pk=opened.pk)


def _gather(channel: Channel, now: datetime) -> Delivery | None:
    """Make one message of all that waits for a channel, once its gap is over.

    The log calls it by what it counts, without names: not everybody who sees the log may see every destination.
    """
    if not channel.enabled or (channel.quiet_until is not None and channel.quiet_until > now):
        return None
    waiting = Notice.objects.filter(channel=channel, delivery=None).select_related("incident__rule")
    notices = list(waiting.order_by("pk")[:MOST_NOTICES])
    if not notices:
        return None
    message_id = uuid4()
    body = message_make(channel.tenant, message_id, notices)
    delivery = Delivery.objects.create(
        tenant=channel.tenant, channel=channel, message_id=message_id, title=counted(body["counts"])[:300], body=body,
        items=len(notices), attempts=1, due_at=now + LEASE,
    )  # fmt: skip
    Notice.objects.filter(channel=channel, delivery=None, pk__lte=notices[-1].pk).update(delivery=delivery)
    quiet = now + timedelta(seconds=settings.HUB_ALERT_GAP_SECONDS)
    Channel.objects.filter(pk=channel.pk).update(quiet_until=quiet)
    return delivery


def _may_gather(now: datetime) -> Q:
    free = Q(channel__quiet_until=None) | Q(channel__quiet_until__lte=now)
    return free & Q(channel__enabled=True)
