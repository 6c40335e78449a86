"""Test a destination's connection in ordered steps, without ever sending anything to TikTok.

A step that TikTok does not let us look at is *skipped*, with the reason, and counts as no failure: a token from
Events Manager, for one, may send and may not read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from destinations.choices import StepStatus
from destinations.models import Destination
from destinations.scopes import AUDIENCES_ALL, AUDIENCES_READ, AUDIENCES_WRITE
from destinations.services.clients import client_open
from destinations.services.credentials import UNREADABLE, WRITING_ROLES, advertisers_read, token_refused
from destinations.services.sources import EventSource, sources_read
from destinations.specs.audiences import advertisers, calculate_type
from destinations.tiktok.audience_calls import AUDIENCE_TYPE, MOST_AUDIENCES, RemoteAudience, audiences_list
from destinations.tiktok.calls import advertiser_role, advertisers_info
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import ConfigurationError, CredentialError, TikTokError
from destinations.tiktok.resolutions import ResolutionKey, resolution_get

LABELS: dict[str, str] = {
    "token": "Token alive",
    "advertiser": "Advertiser reachable",
    "status": "Account enabled",
    "role": "Role sufficient",
    "event_source": "Event source",
    "audience_read": "Audiences readable",
    "audience_write": "Audiences writable",
    "auto_tracking": "Auto tracking",
}
_APART = (
    "Choose ad accounts of one Business Center.",
    "Or make a destination for each Business Center.",
)
_AFTER_FAILURE = "Not looked at, because an earlier step failed."


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a connection test: what was looked at, the outcome, a sentence, and what to do about a failure."""

    name: str
    status: StepStatus
    sentence: str
    resolution: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the step's name as people read it."""
        return LABELS[self.name]

    def as_record(self) -> dict[str, Any]:
        """Return the step as `Destination.checks` keeps it."""
        return {
            "name": self.name,
            "label": self.label,
            "status": str(self.status),
            "sentence": self.sentence,
            "resolution": list(self.resolution),
        }


class DestinationCheckError(Exception):
    """A destination was not saved because its connection test failed; `steps` say where."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        failed = next(step for step in steps if step.status == StepStatus.FAILED)
        super().__init__(f"The connection test failed at “{failed.label}”: {failed.sentence}")


@dataclass(slots=True)
class Probe:
    """What the steps share: the open client, the destination, and what earlier steps have read."""

    client: TikTokClient
    destination: Destination
    advertisers: list[dict[str, Any]] | None = None
    sources: dict[str, list[EventSource]] = field(default_factory=dict)

    @property
    def advertiser_ids(self) -> list[str]:
        """Return the ad account, or accounts, of the destination."""
        return list(advertisers(self.destination.settings))


def destination_check(*, destination: Destination) -> list[Step]:
    """Test the connection of a destination, saved or not: the steps of its plugin in order; stores nothing."""
    names = destination.spec.checks
    try:
        with client_open(destination.credential) as client:
            return _walk(Probe(client, destination), names)
    except TikTokError as error:
        return [_failed(names[0], error), *(_skipped(name, _AFTER_FAILURE) for name in names[1:])]


def destination_test(*, destination: Destination) -> list[Step]:
    """Test a saved destination's connection and keep the steps on it."""
    steps = destination_check(destination=destination)
    destination.checks, destination.checked_at = [step.as_record() for step in steps], timezone.now()
    destination.save(update_fields=["checks", "checked_at"])
    return steps


def failed(steps: Sequence[Step]) -> bool:
    """Say whether any step failed."""
    return any(step.status == StepStatus.FAILED for step in steps)


def _walk(probe: Probe, names: Sequence[str]) -> list[Step]:
    steps: list[Step] = []
    for name in names:
        steps.append(_skipped(name, _AFTER_FAILURE) if failed(steps) else _step(probe, name))
    return steps


def _step(probe: Probe, name: str) -> Step:
    """Take one step; what the token may not read is skipped, except for the token's own death."""
    try:
        return CHECKS[name](probe)
    except CredentialError as error:
        if token_refused(error):
            return _failed(name, error)
        return _skipped(name, f"TikTok does not let this token look: {error.sentence}")
    except TikTokError as error:
        return _failed(name, error)


def token_check(probe: Probe) -> Step:
    """See that TikTok accepts the token, and learn which ad accounts it reaches."""
    try:
        probe.advertisers = advertisers_read(probe.client)
    except ConfigurationError as error:
        if error.resolution.key != ResolutionKey.APP_NOT_ACCEPTED:
            raise
        return _skipped("token", UNREADABLE)
    except CredentialError as error:
        if token_refused(error):
            raise
        return _skipped("token", UNREADABLE)
    return _passed("token", "TikTok accepts the access token.")


def advertiser_check(probe: Probe) -> Step:
    """See that the token reaches the ad account."""
    if probe.advertisers is None:
        return _skipped("advertiser", "The ad accounts of this token cannot be read.")
    names = {row["id"]: row["name"] for row in probe.advertisers}
    missing = [value for value in probe.advertiser_ids if value not in names]
    if missing:
        sentence = f"The credential does not reach the ad account {', '.join(missing)}."
        return _failure("advertiser", sentence, ResolutionKey.ADVERTISER_NOT_FOUND)
    reached = ", ".join(f"{names[value]} ({value})" for value in probe.advertiser_ids)
    return _passed("advertiser", f"The credential reaches {reached}.")


def account_check(probe: Probe) -> Step:
    """See that the ad accounts are enabled at TikTok, and where there are several that they belong together."""
    infos = advertisers_info(probe.client, probe.advertiser_ids)
    stopped = [f"{info.name} ({info.id}) is {_words(info.status)}" for info in infos if info.status != "STATUS_ENABLE"]
    if stopped:
        sentence = f"TikTok says that {'; '.join(stopped)}."
        return _failure("status", sentence, ResolutionKey.ADVERTISER_NOT_FOUND)
    if not infos:
        return _skipped("status", "TikTok does not tell the state of this ad account.")
    # Only administrators of a Business Center are told which one owns an account.
    if len({info.owner_bc_id for info in infos if info.owner_bc_id}) > 1:
        return Step("status", StepStatus.FAILED, "The ad accounts belong to different Business Centers.", _APART)
    several = f"All {len(infos)} ad accounts are enabled." if len(infos) > 1 else "The ad account is enabled."
    return _passed("status", several)


def role_check(probe: Probe) -> Step:
    """See that the user behind the token is Operator or Admin, where a Business Center tells it."""
    roles = {value: advertiser_role(probe.client, value) for value in probe.advertiser_ids}
    weak = [role for role in roles.values() if role and role not in WRITING_ROLES]
    if weak:
        sentence = f"The TikTok user of this credential is only {weak[0].title()} on the ad account."
        return _failure("role", sentence, ResolutionKey.MISSING_PERMISSIONS)
    known = [role for role in roles.values() if role]
    if not known:
        return _skipped("role", "TikTok does not tell the role; the first delivery shows whether it suffices.")
    return _passed("role", f"The TikTok user of this credential is {known[0].title()} on the ad account.")


def event_source_check(probe: Probe) -> Step:
    """See that the event set or pixel exists and belongs to the ad account."""
    settings = probe.destination.settings
    kind, wanted = str(settings.get("event_source") or ""), str(settings.get("event_source_id") or "")
    if not wanted:
        return _skipped("event_source", "None is chosen here; an orchestration has to name one.")
    sources = [row for value in probe.advertiser_ids for row in sources_read(probe.client, value, kind)]
    found = next((row for row in sources if row.id == wanted), None)
    if found is None:
        what = "pixel with the code" if kind == "web" else "event set with the ID"
        sentence = f"The ad account has no {what} {wanted}."
        return _failure("event_source", sentence, ResolutionKey.EVENT_SOURCE_NOT_FOUND)
    return _passed("event_source", f"“{found.name}” belongs to the ad account.")


def audience_read_check(probe: Probe) -> Step:
    """See that audiences can be listed, which finding one by its name needs, and that there is room for another."""
    sentences: list[str] = []
    for advertiser_id in probe.advertiser_ids:
        try:
            rows = audiences_list(probe.client, advertiser_id)
        except CredentialError as error:
            return _failed("audience_read", error)
        sentence, key = _room(probe, [row for row in rows if row.is_creator])
        sentences.append(f"{advertiser_id}: {sentence}" if len(probe.advertiser_ids) > 1 else sentence)
        if key is not None:
            return _failure("audience_read", sentences[-1], key)
    return _passed("audience_read", " ".join(sentences))


def _room(probe: Probe, rows: Sequence[RemoteAudience]) -> tuple[str, ResolutionKey | None]:
    """Say how many audiences an ad account has and what becomes of the one that is named; a key where it fails."""
    used, settings = f"{len(rows)} of {MOST_AUDIENCES} audiences are used", probe.destination.settings
    name, full = settings.get("audience_name"), len(rows) >= MOST_AUDIENCES
    if not name:
        return f"{used}{', so that no other can be created' if full else ''}.", None
    kind = AUDIENCE_TYPE[str(settings.get("transport"))]
    found = next((row for row in rows if row.name == name and row.type == kind), None)
    if found is None and full:
        return f"{used}, and none of them is a {kind} named “{name}”.", ResolutionKey.AUDIENCE_LIMIT
    if found is None:
        return f"{used}; “{name}” will be created by the first delivery.", None
    if kind == AUDIENCE_TYPE["file"] and found.calculate_type not in ("", calculate_type(settings)):
        sentence = f"“{name}” was made of {found.calculate_type}, not of {calculate_type(settings)}."
        return sentence, ResolutionKey.AUDIENCE_OF_OTHER_IDS
    return f"{used}; “{name}” is one of them.", None


def audience_write_check(probe: Probe) -> Step:
    """See that the credential was granted to change audiences, where its permissions are known; nothing is tried.

    A parent scope may stand for its children. So the permission to write is known to be missing only where its
    neighbour, the permission to read, is named and it is not.
    """
    scopes = set(probe.destination.credential.scopes)
    if scopes & {AUDIENCES_WRITE, AUDIENCES_ALL}:
        return _passed("audience_write", "The credential may create and update audiences.")
    if AUDIENCES_READ in scopes:
        sentence = "The credential may read audiences, but not create and update them."
        return _failure("audience_write", sentence, ResolutionKey.MISSING_PERMISSIONS)
    return _skipped("audience_write", "TikTok tells it only when something is changed: the first delivery shows it.")


CHECKS: dict[str, Callable[[Probe], Step]] = {
    "token": token_check,
    "advertiser": advertiser_check,
    "status": account_check,
    "role": role_check,
    "event_source": event_source_check,
    "audience_read": audience_read_check,
    "audience_write": audience_write_check,
}


def _words(status: str) -> str:
    """Return an account status as words: STATUS_PENDING_CONFIRM → pending confirm."""
    return {"STATUS_DISABLE": "disabled"}.get(status, status.removeprefix("STATUS_").replace("_", " ").lower())


def _passed(name: str, sentence: str) -> Step:
    return Step(name, StepStatus.PASSED, sentence)


def _skipped(name: str, sentence: str) -> Step:
    return Step(name, StepStatus.SKIPPED, sentence)


def _failure(name: str, sentence: str, key: ResolutionKey) -> Step:
    return Step(name, StepStatus.FAILED, sentence, resolution_get(key).steps)


def _failed(name: str, error: TikTokError) -> Step:
    return Step(name, StepStatus.FAILED, error.sentence, error.resolution.steps)
