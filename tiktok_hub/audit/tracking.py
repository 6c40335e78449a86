"""Write the log for changes of configuration: models say which fields belong in it, in `audited`.

The values before a change are read from the database when the row is saved, so that nobody has to remember anything;
`QuerySet.update()` goes past it and is for what no person decides (states, times, counts).
"""

from typing import Any

from django.apps import apps
from django.db.models.signals import post_delete, post_save, pre_save

from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import Change, audit_record
from tiktok_hub.crypto import Secret
from tiktok_hub.tenancy.models import Audited

DOTS = "•••"


def watch() -> None:
    """Follow every model that names fields for the log."""
    for model in apps.get_models():
        if issubclass(model, Audited) and model.audited:
            pre_save.connect(_before, sender=model, dispatch_uid=f"audit-before-{model._meta.label}")
            post_save.connect(_after, sender=model, dispatch_uid=f"audit-after-{model._meta.label}")
            post_delete.connect(_deleted, sender=model, dispatch_uid=f"audit-deleted-{model._meta.label}")


def _before(sender: type[Audited], instance: Audited, raw: bool = False, **kwargs: Any) -> None:
    stored = None if instance._state.adding or raw else sender._base_manager.filter(pk=instance.pk).first()
    instance.__dict__["_audited_before"] = stored.audit_values() if stored is not None else None


def _after(sender: type[Audited], instance: Audited, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if raw:
        return
    before = instance.__dict__.pop("_audited_before", None)
    found = values_compare(before or {}, instance.audit_values())
    if created:
        audit_record(Action.ADDED, instance, changes=found, tenant=instance.audit_tenant())
    elif found:
        audit_record(Action.CHANGED, instance, changes=found, tenant=instance.audit_tenant())


def _deleted(sender: type[Audited], instance: Audited, **kwargs: Any) -> None:
    audit_record(Action.DELETED, instance, tenant=instance.audit_tenant())


def values_compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Return the fields that differ, as the log shows them: secrets as dots, what is not set as None."""
    changed = [name for name in after if _plain(before.get(name)) != _plain(after[name])]
    return [{"field": name, "old": _shown(before.get(name)), "new": _shown(after[name])} for name in changed]


def _plain(value: Any) -> Any:
    return value if value not in ("", [], {}) else None


def _shown(value: Any) -> Any:
    if isinstance(value, Secret):
        return DOTS if value else None
    return _plain(value)
