"""Which audiences a run is for: one per ad account of its destination."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from destinations.specs.audiences import advertisers
from destinations.specs.base import SettingsError
from orchestrations.choices import UNFINISHED_RUNS, RunStatus, RunTrigger, SyncMode
from orchestrations.models import Audience, Orchestration, Run, RunAudience
from tiktok_hub.tenancy.models import Tenant

BRIEF = Q(run__trigger=RunTrigger.STREAM, run__status__in=(RunStatus.QUEUED, RunStatus.RUNNING))
"""Runs of streams are over soon, as long as nobody has to release them."""
KEEPING = (SyncMode.MIRROR, SyncMode.REPLACE)
"""Modes in which the audience equals the query's result, so that two orchestrations would undo each other's work."""


def audience_keys(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what tells the audiences of effective settings apart, one per ad account."""
    name, transport = str(settings.get("audience_name") or ""), str(settings.get("transport") or "")
    return [{"advertiser_id": value, "name": name, "transport": transport} for value in advertisers(settings)]


def audiences_lock(tenant: Tenant, settings: Mapping[str, Any]) -> list[Audience]:
    """Return the audiences of effective settings, made where they are new, locked until the transaction ends."""
    for key in audience_keys(settings):
        Audience.objects.get_or_create(defaults=None, tenant=tenant, **key)
    return list(audiences_of(settings).select_for_update().order_by("pk"))


def audiences_of(settings: Mapping[str, Any]) -> "QuerySet[Audience]":
    """Return the audiences of effective settings, as far as there are any yet."""
    return Audience.objects.filter(_any(audience_keys(settings)))


def overlap_refuse(audiences: list[Audience], *, behind_streams: bool = False) -> None:
    """Raise ValidationError while an unfinished run is for one of these audiences.

    Runs of streams do not count for a run that may wait `behind_streams`, see `turns`.
    """
    found = RunAudience.objects.filter(audience__in=audiences, run__status__in=UNFINISHED_RUNS)
    busy = (found.exclude(BRIEF) if behind_streams else found).first()
    if busy is not None:
        raise ValidationError(
            f"Run {busy.run_id} is not finished yet and is for the same audience, “{busy.audience.name}”. "
            "Wait for it, or cancel it."
        )


def targets_make(run: Run, audiences: list[Audience]) -> None:
    """Note which audiences a run is for, in the order of the destination's ad accounts."""
    order = advertisers(run.inputs["settings"])
    for audience in sorted(audiences, key=lambda each: order.index(each.advertiser_id)):
        number = order.index(audience.advertiser_id) + 1
        RunAudience.objects.create(tenant=run.tenant, run=run, audience=audience, number=number)


def audience_conflict(orchestration: Orchestration, settings: Mapping[str, Any]) -> Orchestration | None:
    """Return another orchestration of the tenant that keeps one of the same audiences, where both keep it equal."""
    mine = {tuple(key.values()) for key in audience_keys(settings)}
    if mode_of(orchestration) not in KEEPING:
        return None
    others = Orchestration.objects.select_related("destination").exclude(pk=orchestration.pk)
    for other in others.filter(destination__plugin=orchestration.destination.plugin):
        theirs = {tuple(key.values()) for key in audience_keys(_effective(other))}
        if mode_of(other) in KEEPING and mine & theirs:
            return other
    return None


def _effective(orchestration: Orchestration) -> dict[str, Any]:
    """Return an orchestration's effective settings; nothing where it could not run with them."""
    try:
        return orchestration.destination.spec.settings_clean(orchestration.settings_merged, stage="orchestration")
    except SettingsError:
        return {}


def mode_of(orchestration: Orchestration) -> str:
    """Return how the audience follows the query; it mirrors it where nobody said otherwise."""
    return orchestration.sync_mode or SyncMode.MIRROR


def _any(keys: list[dict[str, str]]) -> Q:
    found = Q(pk__in=[])
    for key in keys:
        found |= Q(**key)
    return found
