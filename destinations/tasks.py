"""Tasks of credentials: the daily check, one task per credential, so that a slow one holds up nobody."""

import logging

from celery import shared_task

from destinations.models import Credential
from destinations.services import credential_check, links_expire
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope
from tiktok_hub.tenancy.tasks import TenantTask

logger = logging.getLogger(__name__)


@shared_task(name="credentials_check")
def credentials_check_task() -> None:
    """Ring for a check of every credential that holds a token, in all tenants, and mark overdue links."""
    with hub_scope():
        held = list(Credential.objects.exclude(access_token="").values_list("tenant_id", "pk"))
    for tenant in Tenant.objects.all():
        with tenant_scope(tenant):
            links_expire()
    for tenant_id, credential_id in held:
        credential_check_task.delay(tenant_id, credential_id)


@shared_task(name="credential_check", base=TenantTask)
def credential_check_task(tenant_id: int, credential_id: int) -> None:
    """Check one credential at TikTok and keep the answer; a credential that is gone needs none."""
    credential = Credential.objects.filter(pk=credential_id).first()
    if credential is None:
        return
    credential_check(credential=credential)
    logger.info("credential %s is %s", credential.pk, credential.status)
