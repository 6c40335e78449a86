"""Celery tasks: doors to the services, without rules of their own. All arguments are ids."""

from celery import shared_task
from celery.signals import worker_ready

from orchestrations.audiences import readings
from orchestrations.doorbell import task_send
from orchestrations.groups import services as groups
from orchestrations.retention.machine import hub_tidy, machine_tidy
from orchestrations.retention.services import retention_run
from orchestrations.runs import delivery, preparing, sweeper
from orchestrations.schedules import scheduling
from orchestrations.streams import flushing
from tiktok_hub.health import beat_note
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import current_tenant
from tiktok_hub.tenancy.tasks import TenantTask


@shared_task(name="run_prepare", base=TenantTask)
def run_prepare(tenant_id: int, run_id: int) -> None:
    """Run the query of a run and fill its spool."""
    if preparing.run_prepare(run_id):
        task_send("run_deliver", tenant_id, run_id)


@shared_task(name="run_deliver", base=TenantTask)
def run_deliver(tenant_id: int, run_id: int) -> None:
    """Send what is due of a run, then go to the end of the queue if there is more."""
    if delivery.run_deliver(run_id):
        task_send("run_deliver", tenant_id, run_id)


@shared_task(name="runs_sweep")
def runs_sweep() -> None:
    """Find runs that nobody works on, and let others see that background work goes on."""
    sweeper.runs_sweep()
    beat_note()


@shared_task(name="schedules_tick")
def schedules_tick() -> None:
    """Start the runs that are due."""
    scheduling.schedules_tick()


@shared_task(name="streams_tick")
def streams_tick() -> None:
    """Send what is due of all streams."""
    flushing.streams_tick()


@shared_task(name="stream_flush", base=TenantTask)
def stream_flush(tenant_id: int, stream_id: int) -> None:
    """Send what is due of one stream."""
    flushing.stream_flush(stream_id)


@shared_task(name="group_run_go", base=TenantTask)
def group_run_go(tenant_id: int, group_run_id: int) -> None:
    """Take the steps of a group run that are due."""
    groups.group_run_go(group_run_id)


@shared_task(name="audiences_read")
def audiences_read() -> None:
    """Have each tenant's audiences read that are due, so that a slow one holds up no other."""
    for tenant_id in readings.tenants_due():
        task_send("tenant_audiences_read", tenant_id)


@shared_task(name="tenant_audiences_read", base=TenantTask)
def tenant_audiences_read(tenant_id: int) -> None:
    """Read the audiences of one tenant back from TikTok."""
    readings.audiences_read()


@worker_ready.connect
def worker_tidy(**_: object) -> None:
    """Delete what a worker that was killed on this machine left in its working folder."""
    machine_tidy()


@shared_task(name="retention")
def retention() -> None:
    """Do the night's work that is no tenant's, and have each tenant's done, so that a large one holds up no other."""
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        task_send("tenant_retention", tenant_id)
    hub_tidy()


@shared_task(name="tenant_retention", base=TenantTask)
def tenant_retention(tenant_id: int) -> None:
    """Delete what one tenant has kept long enough."""
    tenant = current_tenant()
    if tenant is not None:
        retention_run(tenant=tenant)
