"""Task of the audit log: give places to what a process that died left without one."""

import logging

from celery import shared_task

from tiktok_hub.audit.chain import chains_seal

logger = logging.getLogger(__name__)


@shared_task(name="audit_seal")
def audit_seal_task() -> None:
    """Seal what waits, in all chains."""
    if number := chains_seal():
        logger.warning("%s audit entries had been left without a place in their chain", number)
