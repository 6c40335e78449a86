"""Look after what an audience was told: verify it, doubt it, export it, look an id up in it, forget it."""

import io
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
from django.core.files.storage import default_storage
from django.db import transaction
from pyarrow import csv

from destinations.preparation.contract import ADD, ID_TYPES, UNCERTAIN
from destinations.preparation.state import StateCounts, fold
from orchestrations.audiences.states import EXCEPTIONS, OUTCOMES, engine, state_fetch, state_store
from orchestrations.audiences.targets import overlap_refuse
from orchestrations.choices import AudienceStatus
from orchestrations.models import Audience, AudienceReading, Batch, RunAudience
from orchestrations.runs.spool import Spool, workdir

logger = logging.getLogger(__name__)

COLUMNS = {"kind": "UTINYINT", "digest": "BLOB", "person": "UBIGINT", "sure": "BOOLEAN"}
DIGEST_BYTES = 32
EXPORT_COLUMNS = ("type", "digest", "sure")
EXPORT_ROWS = 50_000
ONE_REQUEST = "1::INTEGER AS batch, 0::INTEGER AS position, kind, digest, person"
# Statuses of an audience whose last change TikTok has carried out.
CARRIED_OUT = (AudienceStatus.READY, AudienceStatus.TOO_SMALL, AudienceStatus.EXPIRING)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at in a state: whether it is as it should be, and a sentence."""

    label: str
    good: bool
    sentence: str


def audience_verify(*, audience: Audience) -> list[Finding]:
    """Read an audience's state and see that it is whole and says what the database says; change nothing."""
    if not audience.state_path:
        told = Finding("State", not audience.people, "TikTok was told nothing yet, so there is no file to verify.")
        return [told] if told.good else [told, _number("People", 0, audience.people)]
    try:
        with workdir() as name, engine(Path(name)) as connection:
            return _verify(connection, audience, _fetched(audience, Path(name)))
    except OSError:
        return [Finding("File", False, "The file of the state is not in storage any more, or cannot be read.")]
    except duckdb.Error:
        return [Finding("File", False, "The file of the state is damaged: it cannot be read as a table.")]


def audience_doubt(*, audience: Audience) -> None:
    """Make every id of an audience unsure, so that the next run tells TikTok everything again.

    It is for a change that TikTok took and could not carry out. What it removed may still be there: such ids come back
    from the runs since the last good reading, to be removed again. The audience must not be in a run that is going on.
    """
    if not audience.state_path:
        return
    old = audience.state_path
    with workdir() as name, engine(Path(name)) as connection:
        folder = Path(name)
        doubted, result = _doubted(connection, audience, folder), folder / "result.parquet"
        outcomes = pa.table([[1], [ADD], [UNCERTAIN]], schema=OUTCOMES)
        counts = fold(connection, None, doubted, outcomes=outcomes, exceptions=EXCEPTIONS.empty_table(), result=result)
        key = state_store(audience, result)
    if _replace(audience, old, key, counts):
        logger.info("audience %s is in doubt: the next run tells everything again", audience.pk)
    else:
        default_storage.delete(key)


def audience_forget(*, audience: Audience) -> None:
    """Drop an audience's state: the next run sends everybody. Raise ValidationError while a run is not finished.

    People who left the query's result since the last run can no longer be removed by us: nobody knows their digests.
    """
    with transaction.atomic():
        held = Audience.objects.select_for_update().get(pk=audience.pk)
        overlap_refuse([held])
        if held.state_path:
            transaction.on_commit(partial(default_storage.delete, held.state_path))
        held.state_path, held.state_of, held.state_at = "", "", None
        held.people, held.ids, held.unsure = 0, {}, 0
        held.save(update_fields=["state_path", "state_of", "state_at", "people", "ids", "unsure"])
    audience.refresh_from_db()


def audience_export(audience: Audience) -> Iterator[str]:
    """Yield a CSV of what an audience was told, in pieces: id type, digest (hex), whether TikTok is sure to have it."""
    yield ",".join(EXPORT_COLUMNS) + "\n"
    if not audience.state_path:
        return
    with workdir() as name, engine(Path(name)) as connection:
        table = connection.read_parquet(str(_fetched(audience, Path(name))))
        rows = table.project(f"{list(ID_TYPES)}[kind + 1] AS type, lower(hex(digest)) AS digest, sure")
        for piece in rows.to_arrow_reader(EXPORT_ROWS):
            buffer = io.BytesIO()
            csv.write_csv(piece, buffer, csv.WriteOptions(include_header=False, quoting_style="none"))
            yield buffer.getvalue().decode()


def audience_knows(audience: Audience, digests: Collection[bytes]) -> dict[tuple[str, bytes], bool]:
    """Return which of some digests an audience was told: (id type, digest) → whether TikTok is sure to have it."""
    if not audience.state_path or not digests:
        return {}
    sql = "SELECT kind, digest, sure FROM read_parquet(?) WHERE list_contains(?::BLOB[], digest)"
    with workdir() as name, engine(Path(name)) as connection:
        state = _fetched(audience, Path(name))
        found = connection.execute(sql, [str(state), list(digests)]).fetchall()
    return {(ID_TYPES[kind], bytes(digest)): bool(sure) for kind, digest, sure in found}


def _fetched(audience: Audience, folder: Path) -> Path:
    state = state_fetch(audience, folder)
    if state is None:
        raise FileNotFoundError("This audience was told nothing yet.")
    return state


def _verify(connection: duckdb.DuckDBPyConnection, audience: Audience, state: Path) -> list[Finding]:
    found = {row[0]: row[1] for row in connection.execute("DESCRIBE FROM read_parquet(?)", [str(state)]).fetchall()}
    if found != COLUMNS:
        listed = ", ".join(f"{name} {kind}" for name, kind in found.items()) or "none"
        return [Finding("Structure", False, f"The columns of the file are not those of a state, but: {listed}.")]
    table = connection.read_parquet(str(state))
    rows, odd, strange = _row(
        table.aggregate(
            f"count(*), count(*) FILTER (digest IS NULL OR octet_length(digest) <> {DIGEST_BYTES} OR person IS NULL"
            f" OR sure IS NULL), count(*) FILTER (kind IS NULL OR kind >= {len(ID_TYPES)})"
        )
    )
    (twice,) = _row(table.aggregate("count(*) AS n", "kind, digest").filter("n > 1").aggregate("count(*)"))
    return [
        Finding("Structure", not strange, f"{rows:,} ids" + (f", {strange:,} of an unknown type" if strange else "")),
        Finding("Digests", not odd, f"{odd:,} ids are not whole" if odd else f"each has {DIGEST_BYTES} bytes"),
        Finding("Uniqueness", not twice, f"{twice:,} ids are there twice" if twice else "no id is there twice"),
        *_counts(table, audience),
    ]


def _row(table: duckdb.DuckDBPyRelation) -> tuple[int, ...]:
    """Return the one row of counts."""
    return tuple(int(value) for value in table.fetchall()[0])


def _counts(table: duckdb.DuckDBPyRelation, audience: Audience) -> Iterator[Finding]:
    people, unsure = _row(table.aggregate("count(DISTINCT person), count(*) FILTER (NOT sure)"))
    found = {int(kind): int(n) for kind, n in table.aggregate("kind, count(*)", "kind").fetchall() if kind is not None}
    yield _number("People", people, audience.people)
    for number, kind in enumerate(ID_TYPES):
        if number in found or audience.ids.get(kind):
            yield _number(f"{kind} ids", found.get(number, 0), int(audience.ids.get(kind, 0)))
    yield _number("Unsure ids", unsure, audience.unsure)


def _number(label: str, found: int, noted: int) -> Finding:
    good = found == noted
    return Finding(label, good, f"{found:,}" + ("" if good else f" in the file, but {noted:,} in the database"))


def _runs_in_doubt(audience: Audience) -> list[RunAudience]:
    """Return what runs did to an audience since TikTok was last seen to have carried everything out, oldest first."""
    good = AudienceReading.objects.filter(audience=audience, status__in=CARRIED_OUT).order_by("-read_at").first()
    targets = RunAudience.objects.filter(audience=audience, folded=True).select_related("run").order_by("run_id")
    return list(targets.filter(run__finished_at__gt=good.read_at) if good else targets)


def _doubted(connection: duckdb.DuckDBPyConnection, audience: Audience, folder: Path) -> Path:
    """Write a table of ids in one request: all that were told, and all that the runs in doubt told or removed."""
    ids = connection.read_parquet(str(_fetched(audience, folder))).project(ONE_REQUEST)
    for target in _runs_in_doubt(audience):
        copy = folder / f"ids-{target.pk}.parquet"
        try:
            Spool(target.run.spool).table_fetch("ids", copy)
        except FileNotFoundError:  # it is kept no longer than the run's other files
            continue
        numbers = list(Batch.objects.filter(target=target).exclude(action="").values_list("number", flat=True))
        if numbers:
            chosen = connection.read_parquet(str(copy)).filter(f"batch IN {(*numbers, 0)}")
            ids = ids.union(chosen.project(ONE_REQUEST))
    path = folder / "doubted.parquet"
    ids.write_parquet(str(path))
    return path


def _replace(audience: Audience, old: str, key: str, counts: StateCounts) -> bool:
    """Make a new state the audience's own, unless it has another one than `old` by now."""
    fields = {"state_path": key, "people": counts.people, "ids": counts.ids, "unsure": counts.unsure}
    with transaction.atomic():
        if not Audience.objects.filter(pk=audience.pk, state_path=old).update(**fields):
            return False
        transaction.on_commit(partial(default_storage.delete, old))
    audience.refresh_from_db(fields=list(fields))
    return True
