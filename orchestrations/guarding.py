"""Do the hub's work in one tenant after another, so that what goes wrong in one does not keep the others from it."""

import logging
import traceback
from collections.abc import Callable

from tiktok_hub.acting import Via, acting_as
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

logger = logging.getLogger(__name__)


def guarded(tenant: Tenant, via: Via, name: str, action: Callable[[], int | None]) -> int:
    """Return what `action` does in a tenant; log what goes wrong, leave it as it is and return 0."""
    try:
        with tenant_scope(tenant), acting_as(None, via):
            return action() or 0
    except Exception as error:
        # The error's own text may quote a value: the log gets its class and the way through the code.
        way = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s: %s\n%s", name, type(error).__name__, way)
        return 0
