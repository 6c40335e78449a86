"""Say what the database holds of a tenant, in the plain form that a document takes too."""

from typing import Any

from destinations.models import Credential, Destination
from destinations.specs.base import SettingsError, Spec
from orchestrations.alerts.models import Channel, Rule
from orchestrations.choices import ScheduleKind, SyncMode
from orchestrations.models import Dataset, Orchestration, OrchestrationGroup, Query, Schedule, Stream
from orchestrations.schedules.timetables import members_of
from orchestrations.streams.services import STREAM_FIELDS
from tiktok_hub.crypto import Secret, SecretUnreadableError
from tiktok_hub.tenancy.choices import Option
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.scope import tenant_scope

Items = dict[str, dict[str, Any]]


def tenant_state(tenant: Tenant | None) -> dict[str, Items]:
    """Return section → name → fields of everything that a document can describe; nothing for a tenant to be."""
    if tenant is None:
        return {}
    with tenant_scope(tenant):
        return {
            "tenant": {
                tenant.slug: {
                    "name": tenant.name, "time_zone": tenant.time_zone, "default_country": tenant.default_country,
                    "require_mfa": tenant.require_mfa,
                }
            },
            "users": {row.user.email: _user(row) for row in Membership.objects.select_related("user")},
            "credentials": {row.name: _credential(row) for row in Credential.objects.all()},
            "datasets": {row.name: _dataset(row) for row in Dataset.objects.all()},
            "queries": {
                row.name: {"description": row.description, "sql": row.sql, "status": row.status}
                for row in Query.objects.all()
            },
            "destinations": {row.name: _destination(row) for row in Destination.objects.select_related("credential")},
            "orchestrations": {
                row.name: _orchestration(row)
                for row in Orchestration.objects.filter(query__isnull=False).select_related(
                    "query", "destination", "schedule__after"
                )
            },
            "streams": {str(row): _stream(row) for row in Stream.objects.select_related("orchestration__destination")},
            "groups": {row.name: _group(row) for row in OrchestrationGroup.objects.select_related("schedule__after")},
            "alert_channels": {row.name: _channel(row) for row in Channel.objects.all()},
            "alert_rules": {
                rule_name(row): _rule(row)
                for row in Rule.objects.select_related("orchestration").prefetch_related("channels")
            },
        }  # fmt: skip


def _channel(row: Channel) -> dict[str, Any]:
    return {
        "kind": row.kind, "addresses": row.addresses, "url": _readable(row.url), "secret": _readable(row.secret),
        "enabled": row.enabled,
    }  # fmt: skip


def _rule(row: Rule) -> dict[str, Any]:
    return {
        "channels": sorted(channel.name for channel in row.channels.all()), "percent": row.percent, "every": row.every,
        "recovery": row.recovery, "enabled": row.enabled,
    }  # fmt: skip


def rule_name(row: Rule) -> str:
    """Return what a rule is called in a file."""
    return f"{row.kind}/{row.orchestration.name}" if row.orchestration else str(row.kind)


def _user(row: Membership) -> dict[str, Any]:
    """Describe a member; a password cannot be read, so the wanted side names it only where it does not fit."""
    options = {option.value: getattr(row, option.value) for option in Option}
    return {"name": row.user.name, "policy": row.policy, **options}


def _credential(row: Credential) -> dict[str, Any]:
    return {
        "description": row.description, "type": row.type, "access_token": _readable(row.access_token),
    }  # fmt: skip


def _readable(secret: Secret) -> Secret:
    """Return a secret that can be compared; one that no key opens differs from everything."""
    try:
        return Secret(secret.reveal())
    except SecretUnreadableError:
        return Secret("")


def _dataset(row: Dataset) -> dict[str, Any]:
    return {
        "description": row.description, "file": row.filename, "sha256": row.digest, "pii": sorted(row.pii_columns),
    }  # fmt: skip


def _destination(row: Destination) -> dict[str, Any]:
    return {
        "description": row.description,
        "plugin": row.plugin,
        "credential": row.credential.name,
        "admin_only": row.admin_only,
        "pii_setting": row.pii_setting,
        "enabled": row.enabled,
        "settings": settings_hidden(row.spec, _clean(row)),
    }


def _clean(row: Destination) -> dict[str, Any]:
    """Return stored settings in their present form, with defaults that were added since; as they are if invalid."""
    try:
        return row.spec.settings_clean(row.settings, stage="destination")
    except SettingsError:
        return dict(row.settings)


def _orchestration(row: Orchestration) -> dict[str, Any]:
    return {
        "description": row.description,
        "query": row.asked.name,
        "destination": row.destination.name,
        "enabled": row.enabled,
        "settings": settings_hidden(row.destination.spec, row.settings),
        **_following(row),
        "schedule": _schedule(getattr(row, "schedule", None)),
    }


def _stream(row: Stream) -> dict[str, Any]:
    """Describe a stream; its address and its keys are this installation's own."""
    orchestration = row.orchestration
    return {
        "description": orchestration.description, "destination": orchestration.destination.name,
        "enabled": orchestration.enabled,
        "settings": settings_hidden(orchestration.destination.spec, orchestration.settings),
        **{name: getattr(row, name) for name in STREAM_FIELDS},
    }  # fmt: skip


def _group(row: OrchestrationGroup) -> dict[str, Any]:
    names = ("description", "order", "on_failure", "enabled")
    plain = {name: getattr(row, name) for name in names}
    return {
        **plain, "members": [each.name for each in members_of(row)],
        "schedule": _schedule(getattr(row, "schedule", None)),
    }  # fmt: skip


def _following(row: Orchestration) -> dict[str, Any]:
    """Describe how the audience follows the query; nothing where there is none."""
    if not row.destination.spec.keeps_audience:
        return {"sync_mode": "", "guard": None}
    guard = {"max_removal_percent": row.max_removal_percent, "audience_deleted": row.when_deleted}
    return {"sync_mode": row.sync_mode or SyncMode.MIRROR.value, "guard": guard}


def _schedule(row: Schedule | None) -> dict[str, Any] | None:
    """Describe when it runs by itself; from when an interval counts is this installation's own."""
    if row is None:
        return None
    when: dict[str, Any] = {"every_minutes": row.every_minutes}
    if row.kind == ScheduleKind.CRON:
        when = {"cron": row.cron}
    elif row.kind == ScheduleKind.AFTER:
        when = {"after": str(row.after), "ends": row.ends}
    names = ("time_zone", "overlap", "missed", "enabled")
    return {**when, **{name: getattr(row, name) for name in names}}


def settings_hidden(spec: Spec, settings: dict[str, Any]) -> dict[str, Any]:
    """Wrap the settings that the plugin declares secret, so that nothing shows them."""
    secret = {setting.name for setting in spec.settings if setting.secret}
    return {name: Secret(str(value)) if name in secret else value for name, value in settings.items()}


def settings_revealed(settings: dict[str, Any]) -> dict[str, Any]:
    """Unwrap secret settings for storage."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in settings.items()}
