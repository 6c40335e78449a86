"""Celery tasks of alerts. Beat rings; what is to be done is found in the database: a lost task costs a tick."""

from celery import shared_task

from orchestrations.alerts import incidents, sending
from orchestrations.doorbell import task_send
from tiktok_hub.tenancy.tasks import TenantTask


@shared_task(name="alerts_look")
def alerts_look() -> None:
    """Have each tenant looked at that wants to be told something."""
    for tenant_id in sending.tenants_watching():
        task_send("tenant_alerts_look", tenant_id)


@shared_task(name="tenant_alerts_look", base=TenantTask)
def tenant_alerts_look(tenant_id: int) -> None:
    """Look at one tenant, and have its channels told, each by itself: a slow receiver holds up no other."""
    incidents.tenant_look()
    for channel_id in sending.channels_due():
        task_send("alert_channel_send", tenant_id, channel_id)


@shared_task(name="alert_channel_send", base=TenantTask)
def alert_channel_send(tenant_id: int, channel_id: int) -> None:
    """Send what is due of one channel."""
    sending.channel_send(channel_id)
