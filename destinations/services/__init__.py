"""What can be done with credentials and destinations; admin pages, tasks and commands call these and hold no rules."""

from destinations.services.authorization import (
    Arrival,
    Departure,
    link_authorize,
    link_complete,
    link_returned,
)
from destinations.services.checking import DestinationCheckError, Step, destination_check, destination_test
from destinations.services.clients import client_open
from destinations.services.credentials import (
    CredentialCheck,
    credential_check,
    credential_expire,
    credential_token_set,
)
from destinations.services.destinations import (
    audience_names_list,
    destination_clone,
    destination_save,
    destination_validate,
    event_sources_list,
)
from destinations.services.handover import link_hand_over
from destinations.services.links import (
    AuthorizationError,
    LinkProblem,
    link_create,
    link_open,
    link_withdraw,
    links_expire,
)
from destinations.services.tracking import auto_tracking_apply
from destinations.services.usage import (
    InUseError,
    credential_delete,
    credential_usage_check,
    destination_delete,
    destination_usage_check,
)

__all__ = [
    "auto_tracking_apply",
    "Arrival",
    "AuthorizationError",
    "CredentialCheck",
    "Departure",
    "DestinationCheckError",
    "InUseError",
    "LinkProblem",
    "Step",
    "audience_names_list",
    "client_open",
    "credential_check",
    "credential_delete",
    "credential_expire",
    "credential_token_set",
    "credential_usage_check",
    "destination_check",
    "destination_clone",
    "destination_delete",
    "destination_save",
    "destination_test",
    "destination_usage_check",
    "destination_validate",
    "event_sources_list",
    "link_authorize",
    "link_complete",
    "link_create",
    "link_hand_over",
    "link_open",
    "link_returned",
    "link_withdraw",
    "links_expire",
]
