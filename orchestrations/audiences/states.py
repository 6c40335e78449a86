"""What an audience was told: files in storage that hold digests and nothing else, one per audience.

A run's verdicts become part of the state when the run ends, in the transaction that ends it. Until then the database
knows them batch by batch: a worker that dies leaves an unfinished run, whose next worker adds them up. A request whose
answer was lost leaves its ids *unsure*: the next run sends them again, whichever way they have to go.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from destinations.preparation.state import StateCounts, fold
from orchestrations.choices import UNFINISHED_BATCHES, AudienceStatus, BatchStatus
from orchestrations.models import Audience, Batch, Run, RunAudience
from orchestrations.runs.spool import Spool, workdir

TOLD, UNCERTAIN, UNTOLD = "told", "uncertain", "untold"
OUTCOMES = pa.schema([("batch", pa.int32()), ("action", pa.string()), ("outcome", pa.string())])
EXCEPTIONS = pa.schema([("batch", pa.int32()), ("position", pa.int32()), ("outcome", pa.string())])


@dataclass(frozen=True, slots=True)
class NewState:
    """A state that is stored but not yet an audience's own."""

    target: RunAudience
    path: str
    counts: StateCounts


@contextmanager
def engine(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine that spills into a folder instead of using more memory than it may."""
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{settings.HUB_QUERY_MEMORY}'")
        connection.execute(f"SET threads = {int(settings.HUB_QUERY_THREADS)}")
        connection.execute("SET temp_directory = $folder", {"folder": str(folder / "temp")})
        yield connection


def state_fetch(audience: Audience, folder: Path) -> Path | None:
    """Copy an audience's state into a folder; None where it was told nothing."""
    if not audience.state_path:
        return None
    path = folder / f"state-{audience.pk}.parquet"
    with default_storage.open(audience.state_path) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return path


def states_make(run: Run) -> list[NewState]:
    """Add the verdicts of a run, all of them final, to the states of its audiences; store the results.

    Audiences that this run told nothing are left out. Nothing is changed but storage: see `states_adopt`.
    """
    targets = list(RunAudience.objects.filter(run=run, folded=False).select_related("audience"))
    return [made for target in targets if (made := _make(run, target)) is not None]


def states_adopt(states: list[NewState]) -> None:
    """Make new states the audiences' own, as part of the transaction that ends the run; old files go with it."""
    for state in states:
        audience = state.target.audience
        if audience.state_path:
            transaction.on_commit(partial(default_storage.delete, audience.state_path))
        audience.state_path, audience.state_of, audience.state_at = state.path, audience.audience_id, timezone.now()
        audience.people, audience.ids, audience.unsure = state.counts.people, state.counts.ids, state.counts.unsure
        if audience.status in (AudienceStatus.NEW, AudienceStatus.DELETED):
            audience.status = AudienceStatus.CALCULATING
        audience.next_reading_at = timezone.now() + timedelta(hours=settings.HUB_READING_HOURS[0])
        audience.save(
            update_fields=[
                "state_path", "state_of", "state_at", "people", "ids", "unsure", "status", "next_reading_at",
            ]
        )  # fmt: skip
        state.target.folded = True
        state.target.save(update_fields=["folded"])


def states_drop(states: list[NewState]) -> None:
    """Delete states that did not become anybody's."""
    for state in states:
        default_storage.delete(state.path)


def state_key(audience: Audience) -> str:
    """Return a storage key for a new state; it begins with the tenant."""
    return f"{audience.tenant_id}/audiences/{audience.pk}/{secrets.token_hex(8)}.parquet"


def state_store(audience: Audience, file: Path) -> str:
    """Put a finished state file into storage and return its key."""
    key = state_key(audience)
    with file.open("rb") as source:
        return str(default_storage.save(key, File(source)))


def _make(run: Run, target: RunAudience) -> NewState | None:
    outcomes, exceptions = _outcomes(target)
    if not outcomes.num_rows or set(outcomes["outcome"].to_pylist()) == {UNTOLD}:
        return None
    with workdir() as name:
        folder = Path(name)
        ids, result = folder / "ids.parquet", folder / "result.parquet"
        Spool(run.spool).table_fetch("ids", ids)
        base = None if target.anew else state_fetch(target.audience, folder)
        with engine(folder) as connection:
            counts = fold(connection, base, ids, outcomes=outcomes, exceptions=exceptions, result=result)
        return NewState(target, state_store(target.audience, result), counts)


def _outcomes(target: RunAudience) -> tuple[pa.Table, pa.Table]:
    """Return what became of the batches of a target, and of single positions in them."""
    batches: list[tuple[int, str, str]] = []
    positions: list[tuple[int, int, str]] = []
    rows = Batch.objects.filter(target=target).exclude(action="")
    for batch in rows.defer("error", "halves", "message").iterator(chunk_size=500):
        outcome = _outcome(batch)
        batches.append((batch.number, batch.action, outcome))
        if outcome == TOLD:
            positions += [(batch.number, position[0], UNTOLD) for position in batch.refused_positions]
        if outcome == TOLD and batch.open_ranges:
            left = UNCERTAIN if batch.status == BatchStatus.UNKNOWN else UNTOLD
            positions += [(batch.number, p, left) for start, stop in batch.open_ranges for p in range(start, stop)]
    return (
        pa.table([list(column) for column in zip(*batches, strict=True)] or [[], [], []], schema=OUTCOMES),
        pa.table([list(column) for column in zip(*positions, strict=True)] or [[], [], []], schema=EXCEPTIONS),
    )


def _outcome(batch: Batch) -> str:
    """Say what is true of a batch's ids where nothing else is known of one: all told, perhaps told, or not told."""
    if batch.accepted or batch.refused:
        return TOLD
    if batch.status == BatchStatus.UNKNOWN or (batch.status in UNFINISHED_BATCHES and batch.uncertain):
        return UNCERTAIN
    return UNTOLD
