"""Make, change, pause and delete streams; make and revoke their write keys."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from destinations.models import Destination
from destinations.specs.base import SettingsError, Spec
from orchestrations.choices import UNFINISHED_RUNS, SyncMode
from orchestrations.models import Orchestration, Run, Stream, WriteKey
from orchestrations.removing import orchestration_delete, orchestration_use
from orchestrations.runs.services import orchestration_check
from orchestrations.streams.keys import SHOWN, key_digest, key_new
from orchestrations.streams.parking import FILES, stream_unpark
from tiktok_hub.tenancy.models import Membership, User

EVENTS = {"max_events": 50, "max_age_seconds": 300, "max_bytes": 1_000_000}
PEOPLE = {"max_events": 1_000, "max_age_seconds": 1_800, "max_bytes": 1_000_000}
STREAM_FIELDS = (*EVENTS, "allowed_origins", "other_sources")
"""What is the stream's own; the rest is its orchestration's."""
KEYS_MOST = 50
PORTS = {"http": 80, "https": 443}
TAKEN = "There is an orchestration or a stream named “{name}” already. Choose another name."
ORIGIN = "“{line}” is no origin. Write scheme and host, and the port where it is not the usual: https://shop.example."


def thresholds(spec: Spec) -> dict[str, int]:
    """Return at how many events or people, at which age in seconds and at how many bytes a new stream sends."""
    return dict(PEOPLE if spec.keeps_audience else EVENTS)


def stream_make(
    *, name: str, destination: Destination, membership: Membership | None, description: str = "",
    settings: dict[str, Any] | None = None, enabled: bool = True, **own: Any,
) -> Stream:  # fmt: skip
    """Make a stream together with the orchestration that sends its events; `own` are fields of `Stream`.

    Raise PermissionDenied or ValidationError where it could not send.
    """
    orchestration = Orchestration(tenant=destination.tenant, created_by=membership.user if membership else None)
    stream = Stream(tenant=destination.tenant, orchestration=orchestration, **thresholds(destination.spec))
    return stream_change(
        stream=stream, membership=membership, name=name, destination=destination, description=description,
        settings=settings or {}, enabled=enabled, **own,
    )  # fmt: skip


def stream_change(*, stream: Stream, membership: Membership | None, **values: Any) -> Stream:
    """Set fields of a stream and of its orchestration, and store both; raise PermissionDenied or ValidationError where
    it could not send.
    """
    stream_fill(stream, **values)
    stream_check(stream, membership)
    stream_save(stream)
    return stream


def stream_fill(stream: Stream, **values: Any) -> None:
    """Set fields of a stream and of its orchestration, which never takes people for a whole audience."""
    for field, value in values.items():
        setattr(stream if field in STREAM_FIELDS else stream.orchestration, field, value)
    keeps_audience = stream.orchestration.destination.spec.keeps_audience
    stream.orchestration.sync_mode = SyncMode.ADD if keeps_audience else ""


def stream_save(stream: Stream) -> None:
    """Store a stream that was checked, and its orchestration."""
    with transaction.atomic():
        stream.orchestration.save()
        stream.orchestration = stream.orchestration  # takes over the number that it has now
        stream.save()


def stream_check(stream: Stream, membership: Membership | None) -> None:
    """Complete a stream and see that it could send; raise PermissionDenied or ValidationError, sentences by field."""
    orchestration = stream.orchestration
    if Orchestration.objects.filter(name=orchestration.name).exclude(pk=orchestration.pk).exists():
        raise ValidationError({"name": TAKEN.format(name=orchestration.name)})
    spec = orchestration.destination.spec
    settings = orchestration_check(orchestration, membership)
    if settings.get("transport") == "file":
        raise ValidationError({"destination": FILES})
    stream.allowed_origins = origins_clean(stream.allowed_origins)
    stream.other_sources = sources_clean(spec, settings, stream.other_sources)
    orchestration.clean_fields(exclude=["tenant", "query", "destination", "created_by"])
    stream.clean_fields(exclude=["tenant", "orchestration", "public_id"])


def origins_clean(lines: Iterable[str]) -> list[str]:
    """Return web origins as browsers send them, each once; raise ValidationError for what is none."""
    return list(dict.fromkeys(_origin(line.strip()) for line in lines if line.strip()))


def _origin(line: str) -> str:
    """Return one origin (RFC 6454): lower case, without the usual port, the host in its ASCII form; `*` is any."""
    if line == "*":
        return line
    try:
        parts = urlsplit(line)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        host, port = "", None
    rest = parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc if host else True
    if rest or parts.scheme not in PORTS or not re.fullmatch(r"[a-z0-9.:_-]+", host):
        raise ValidationError({"allowed_origins": ORIGIN.format(line=line[:100])})
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}" + ("" if port in (None, PORTS[parts.scheme]) else f":{port}")


def sources_clean(spec: Spec, settings: dict[str, Any], codes: Iterable[str]) -> list[str]:
    """Return further event sources, each once; raise ValidationError for what is none, or has no meaning."""
    found = list(dict.fromkeys(code.strip() for code in codes if code.strip()))
    if found and not spec.source_setting:
        raise ValidationError({"other_sources": f"{spec.label} has no event sources. Leave this empty."})
    for code in found:
        try:
            spec.settings_clean({**settings, "event_source_id": code}, stage="orchestration")
        except SettingsError as error:
            sentence = " ".join(error.errors.values())
            raise ValidationError({"other_sources": f"“{code[:40]}”: {sentence}"}) from None
    return [code for code in found if code != settings.get("event_source_id")]


def stream_switch(*, stream: Stream, enabled: bool) -> Stream:
    """Let a stream take events, or let it refuse them; what it has accepted is sent all the same."""
    stream.orchestration.enabled = enabled
    stream.orchestration.save(update_fields=["enabled"])
    return stream


def stream_pause(*, stream: Stream) -> Stream:
    """Keep what is accepted until somebody resumes the stream."""
    stream.paused = True
    stream.save(update_fields=["paused"])
    return stream


def stream_resume(*, stream: Stream) -> Stream:
    """Send again what a stream accepts and has kept, also where it was parked.

    Raise ValidationError, with what to do, while something stands in the way of a parked one.
    """
    if stream.paused:
        stream.paused = False
        stream.save(update_fields=["paused"])
    if stream.parked_at is not None:
        stream_unpark(stream)
    return stream


def stream_refusal(stream: Stream) -> str:
    """Return why a stream cannot be deleted now, or nothing."""
    active = Run.objects.filter(orchestration=stream.orchestration_id, status__in=UNFINISHED_RUNS).first()
    if active is not None:
        return f"Run {active.pk} of “{stream}” is not finished yet. Pause the stream, then wait for it or cancel it."
    return orchestration_use(stream.orchestration)


def stream_delete(*, stream: Stream) -> None:
    """Delete a stream with its keys, its runs, and what waits to be sent; raise ValidationError while it is in use."""
    if refusal := stream_refusal(stream):
        raise ValidationError(refusal)
    with transaction.atomic():
        orchestration_delete(orchestration=stream.orchestration)


@sensitive_variables()
def key_make(*, stream: Stream, name: str, user: User | None) -> tuple[WriteKey, str]:
    """Make a write key and return it with its text, which is known now and never again."""
    name, text = name.strip(), key_new()
    if not name:
        raise ValidationError({"name": "Say what posts with this key."})
    if WriteKey.objects.filter(stream=stream, name=name).exists():
        raise ValidationError({"name": f"There is a key named “{name}” already. Choose another name."})
    if WriteKey.objects.filter(stream=stream, revoked_at=None).count() >= KEYS_MOST:
        raise ValidationError({"name": f"A stream has {KEYS_MOST} keys at most. Revoke one that nobody uses."})
    key = WriteKey(
        tenant=stream.tenant, stream=stream, name=name, beginning=text[:SHOWN], digest=key_digest(text), created_by=user
    )
    key.clean_fields(exclude=["tenant", "stream", "created_by"])
    key.save()
    return key, text


def key_revoke(*, key: WriteKey) -> bool:
    """Make a write key useless at once; False where it was revoked already."""
    with transaction.atomic():
        found = WriteKey.objects.select_for_update().get(pk=key.pk)
        if found.revoked_at is not None:
            return False
        found.revoked_at = timezone.now()
        found.save(update_fields=["revoked_at"])
    return True
