"""What a stream does and what went wrong with it, in words."""

from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Run, Stream
from orchestrations.templatetags.orchestration_tags import duration

COLOURS = {"on": "success", "paused": "warning", "parked": "danger", "disabled": "default"}
TROUBLES_MOST = 10
DAYS = 2


@dataclass(frozen=True, slots=True)
class State:
    """Whether a stream takes and sends events: a word, its label, and a sentence; `tone` colours the page."""

    word: str
    label: str
    sentence: str
    tone: str


def stream_state(stream: Stream) -> State:
    """Return the state; what hinders sending comes before what hinders taking."""
    takes = "It takes events" if stream.orchestration.enabled else "It refuses new events"
    if stream.parked_at is not None:
        return State("parked", "Parked", f"{takes}, keeps what it has, and sends nothing for now.", "bad")
    if stream.paused:
        return State("paused", "Paused", f"{takes}, and keeps what it has until somebody resumes it.", "warn")
    if not stream.orchestration.enabled:
        return State("disabled", "Disabled", f"{takes}; what it took before is still sent.", "idle")
    return State("on", "On", f"{takes} and sends them {when_words(stream)}.", "good")


def when_words(stream: Stream) -> str:
    """Say when what waits is sent."""
    noun = "people" if stream.orchestration.destination.spec.keeps_audience else "events"
    return (
        f"as soon as there are {stream.max_events:,} {noun}, the oldest has waited for "
        f"{duration(stream.max_age_seconds)}, or they have {stream.max_bytes:,} bytes"
    )


def stream_troubles(runs: QuerySet[Run]) -> list[Run]:
    """Return the latest runs of which something is not at TikTok and could be sent once more."""
    bad = Q(status=RunStatus.FAILED) | Q(refused__gt=0) | Q(unknown__gt=0) | Q(events__gt=F("accepted"))
    ended = runs.filter(bad, stage=RunStage.FINISHED, skipped_at__isnull=True)
    return list(ended[:TROUBLES_MOST])
