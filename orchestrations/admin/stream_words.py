"""What a stream does and what went wrong with it, in words."""

from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from orchestrations.choices import RunStage, RunStatus
from orchestrations.models import Run, Stream
from orchestrations.streams.returning import gives_back
from orchestrations.templatetags.orchestration_tags import duration

COLOURS = {"on": "success", "paused": "warning", "parked": "danger", "disabled": "default"}
TONES = {"on": "good", "paused": "warn", "parked": "bad", "disabled": "idle"}
TROUBLES_MOST = 10
MINUTE = 60


@dataclass(frozen=True, slots=True)
class State:
    """Whether a stream takes and sends events: a word and a sentence; `tone` and `colour` are those of the page."""

    word: str
    sentence: str

    @property
    def label(self) -> str:
        """Return the word as a label says it."""
        return self.word.capitalize()

    @property
    def colour(self) -> str:
        """Return the colour of the label."""
        return COLOURS[self.word]

    @property
    def tone(self) -> str:
        """Return the colour of the card."""
        return TONES[self.word]


def stream_state(stream: Stream, before: Run | None = None) -> State:
    """Return the state; what hinders sending comes before what hinders taking. `before` is what it has to wait for."""
    noun = _noun(stream)
    takes = f"It takes {noun}" if stream.orchestration.enabled else f"It refuses new {noun}"
    if stream.parked_at is not None:
        return State("parked", f"{takes}, keeps what it has, and sends nothing for now.")
    if stream.paused:
        return State("paused", f"{takes}, and keeps what it has until somebody resumes it.")
    if not stream.orchestration.enabled:
        return State("disabled", f"{takes}; what it took before is still sent.")
    if before is not None:
        word = "waits until somebody releases it" if before.status == RunStatus.HELD else "is not finished"
        return State("on", f"{takes} and keeps them for now: run {before.pk} changes the same audience and {word}.")
    return State("on", f"{takes} and sends them {when_words(stream)}.")


def when_words(stream: Stream) -> str:
    """Say when what waits is sent."""
    return (
        f"as soon as there are {stream.max_events:,} {_noun(stream)}, the oldest has waited for "
        f"{_span(stream.max_age_seconds)}, or they have {stream.max_bytes:,} bytes"
    )


def _noun(stream: Stream) -> str:
    return "people" if stream.orchestration.destination.spec.keeps_audience else "events"


def _span(seconds: int) -> str:
    """Write a whole number of seconds: `5 s`, `5 min`, `1 min 30 s`."""
    return f"{seconds} s" if seconds < MINUTE else duration(seconds).removesuffix(" 0 s").removesuffix(" 0 min")


def stream_troubles(runs: QuerySet[Run]) -> list[Run]:
    """Return the latest runs of which something is not at TikTok and could be sent once more."""
    bad = Q(status=RunStatus.FAILED) | Q(refused__gt=0) | Q(unknown__gt=0) | Q(events__gt=F("accepted"))
    ended = runs.filter(bad, stage=RunStage.FINISHED, skipped_at__isnull=True)
    return [run for run in ended[:TROUBLES_MOST] if not gives_back(run)]
