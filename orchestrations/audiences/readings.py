"""Read audiences back from TikTok, hours after they were told something, into a series.

Whoever reads an audience first moves its next reading away, in one conditional update: of two workers one reads, and
what stops a reading half-way (a dead worker, TikTok's own trouble) only puts it off. Where an audience took its last
change badly, nothing of what it was told counts as sure any more (see `audience_doubt`).
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from destinations.models import Credential
from destinations.services import client_open
from destinations.tiktok.audience_calls import FEWEST_MEMBERS, RemoteAudience, audiences_get
from destinations.tiktok.errors import RetryableError, TikTokError
from orchestrations.audiences.upkeep import audience_doubt
from orchestrations.choices import AudienceStatus, RunStatus
from orchestrations.models import Audience, AudienceReading, RunAudience
from tiktok_hub.tenancy.scope import hub_scope

logger = logging.getLogger(__name__)

PER_REQUEST = 100
DAY = timedelta(days=1)
AGAIN = timedelta(minutes=15)  # after a reading that TikTok's trouble, a dead worker or an unfinished run stopped
REFUSED = timedelta(hours=6)  # after one that a person has to put right
# What TikTok's status text says of an audience that takes no changes; its texts are not published, these are assumed.
LOCKED = ("not editable", "unavailable", "not available")


def tenants_due(now: datetime | None = None) -> list[int]:
    """Return the tenants that have audiences to be read now."""
    with hub_scope():
        due = Audience.objects.filter(next_reading_at__lte=now or timezone.now())
        return list(due.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())


def audiences_read(now: datetime | None = None) -> int:
    """Read the opened tenant's audiences that are due; return how many readings there are more.

    One request asks for up to 100 audiences of an ad account. What TikTok refuses is asked again later.
    """
    now = now or timezone.now()
    groups: dict[tuple[int, str], list[Audience]] = defaultdict(list)
    credentials: dict[int, Credential] = {}
    for audience in Audience.objects.filter(next_reading_at__lte=now):
        credential = audience_credential(audience)
        if credential is None or not audience.audience_id:
            _rest(audience)
            continue
        credentials[credential.pk] = credential
        groups[credential.pk, audience.advertiser_id].append(audience)
    return sum(
        _read_some(credentials[pk], audiences[start : start + PER_REQUEST])
        for (pk, _), audiences in groups.items()
        for start in range(0, len(audiences), PER_REQUEST)
    )


def audience_read(*, audience: Audience) -> AudienceReading | None:
    """Read one audience now; None where somebody else has just done so.

    Raise ValidationError where there is nothing to read or nothing to read it with, TikTokError as TikTok answers.
    """
    credential = audience_credential(audience)
    if not audience.audience_id:
        raise ValidationError("TikTok has no such audience yet: the first run finds or creates it.")
    if credential is None:
        raise ValidationError("No orchestration keeps this audience any more: there is no credential to read it with.")
    claimed = _claim([audience])
    readings = _ask(credential, claimed)
    return readings[0] if readings else None


def audience_credential(audience: Audience) -> Credential | None:
    """Return the credential of the destination that kept the audience last; None where no run is left."""
    runs = RunAudience.objects.filter(audience=audience).order_by("-run_id")
    latest = runs.select_related("run__orchestration__destination__credential").first()
    return latest.run.orchestration.destination.credential if latest else None


def reading_next(*, changed: datetime | None, now: datetime) -> datetime:
    """Return when an audience is read next: some hours after its last change, then day by day."""
    steps = [changed + timedelta(hours=hours) for hours in settings.HUB_READING_HOURS] if changed else []
    return next((moment for moment in sorted(steps) if moment > now), now + DAY)


def status_of(remote: RemoteAudience | None, now: datetime) -> AudienceStatus:
    """Say in one word what TikTok says; None is an audience that it left out of its answer."""
    if remote is None:
        return AudienceStatus.DELETED
    if remote.error_message:
        return AudienceStatus.FAILED
    if not remote.is_valid:
        return _status_invalid(remote, now)
    if remote.size is None:
        return AudienceStatus.CALCULATING
    if remote.size < FEWEST_MEMBERS:
        return AudienceStatus.TOO_SMALL
    return AudienceStatus.EXPIRING if remote.is_expiring else AudienceStatus.READY


def _status_invalid(remote: RemoteAudience, now: datetime) -> AudienceStatus:
    message = remote.message.lower()
    if "expired" in message or (remote.expired_at is not None and remote.expired_at <= now):
        return AudienceStatus.EXPIRED
    locked = any(words in message for words in LOCKED)
    return AudienceStatus.NOT_EDITABLE if locked else AudienceStatus.CALCULATING


def _read_some(credential: Credential, audiences: Sequence[Audience]) -> int:
    """Read audiences of one ad account; TikTok's errors end here, with the next try in the database."""
    claimed = _claim(audiences)
    try:
        return len(_ask(credential, claimed))
    except TikTokError as error:
        logger.warning("%s audiences of tenant %s could not be read: %s", len(claimed), credential.tenant_id, error)
        return 0


def _claim(audiences: Sequence[Audience]) -> list[Audience]:
    """Take audiences for a reading, by moving the next one away; leave out those that somebody else took."""
    until = timezone.now() + AGAIN
    claimed = []
    for audience in audiences:
        seen = Audience.objects.filter(pk=audience.pk, next_reading_at=audience.next_reading_at)
        if seen.update(next_reading_at=until):
            audience.next_reading_at = until
            claimed.append(audience)
    return claimed


def _ask(credential: Credential, audiences: Sequence[Audience]) -> list[AudienceReading]:
    """Ask TikTok for claimed audiences and keep what it says; note a failure with the audiences, and raise it."""
    if not audiences:
        return []
    try:
        with client_open(credential) as client:
            found = audiences_get(client, audiences[0].advertiser_id, [each.audience_id for each in audiences])
    except TikTokError as error:
        for audience in audiences:
            _put_off(audience, error)
        raise
    remotes = {remote.id: remote for remote in found}
    readings = (_keep(audience, remotes.get(audience.audience_id)) for audience in audiences)
    return [reading for reading in readings if reading is not None]


def _keep(audience: Audience, remote: RemoteAudience | None) -> AudienceReading | None:
    """Write down what TikTok says; None where a run or another worker has come between."""
    now = timezone.now()
    status = status_of(remote, now)
    if status == AudienceStatus.FAILED and _is_news(audience):
        if _busy(audience):
            return None  # read again when the run has ended, which works on the state that is in doubt
        audience_doubt(audience=audience)
    said: dict[str, Any] = {
        "status": status,
        "size": remote.size if remote else None,
        "problem": remote.error_message if remote else "",
    }
    with transaction.atomic():
        mine = Audience.objects.filter(pk=audience.pk, next_reading_at=audience.next_reading_at)
        if not mine.update(
            **said,
            expires_at=remote.expired_at if remote else None,
            read_at=now,
            next_reading_at=reading_next(changed=audience.state_at, now=now),
        ):
            return None
        told = Audience.objects.values_list("people", flat=True).get(pk=audience.pk)
        reading = AudienceReading.objects.create(
            tenant_id=audience.tenant_id, audience=audience, read_at=now, told=told, **said
        )
    audience.refresh_from_db()
    return reading


def _is_news(audience: Audience) -> bool:
    """Say whether a failure is of a change that was not known to have failed."""
    told_since = audience.state_at is not None and (audience.read_at is None or audience.state_at > audience.read_at)
    return told_since or audience.status != AudienceStatus.FAILED


def _busy(audience: Audience) -> bool:
    """Say whether a run may be writing the audience's state; one that is held is not."""
    running = (RunStatus.QUEUED, RunStatus.RUNNING)
    return RunAudience.objects.filter(audience=audience, run__status__in=running).exists()


def _put_off(audience: Audience, error: TikTokError) -> None:
    """Leave the audience as it was last seen, say why it is not read, and try again later."""
    wait = AGAIN if isinstance(error, RetryableError) else REFUSED
    if isinstance(error, RetryableError) and error.retry_after:
        wait = max(wait, timedelta(seconds=error.retry_after))
    changes: dict[str, Any] = {"next_reading_at": timezone.now() + wait}
    if audience.status != AudienceStatus.FAILED:
        changes["problem"] = error.sentence
    Audience.objects.filter(pk=audience.pk, next_reading_at=audience.next_reading_at).update(**changes)


def _rest(audience: Audience) -> None:
    """Read an audience no more that nobody keeps, or that TikTok does not have yet: the next run sets it going."""
    Audience.objects.filter(pk=audience.pk, next_reading_at=audience.next_reading_at).update(next_reading_at=None)
