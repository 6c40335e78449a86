"""Sweep a tenant's part of storage: delete the files that its rows say are gone, or that belong to nothing.

What belongs to nothing is left alone for a day: files are written before the rows that name them.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from orchestrations.choices import RetentionKind
from orchestrations.models import Audience, Dataset, Run
from tiktok_hub.tenancy.models import Tenant

logger = logging.getLogger(__name__)

GRACE = timedelta(days=1)
PIECE = 500
REJECTS_FILES = frozenset({"rows.parquet", "issues.parquet"})


@dataclass(slots=True)
class Tally:
    """What was deleted (in a dry run: would be): kind → number of things and bytes; and what could not be."""

    amounts: dict[RetentionKind, list[int]] = field(default_factory=dict)
    faults: int = 0

    def add(self, kind: RetentionKind, count: int, size: int = 0) -> None:
        """Count some more."""
        if count:
            amount = self.amounts.setdefault(kind, [0, 0])
            amount[0] += count
            amount[1] += size


@dataclass(frozen=True, slots=True)
class Gone:
    """The runs of which a dry run would mark something as gone, beside those that are marked."""

    spool: frozenset[int] = frozenset()
    rejects: frozenset[int] = frozenset()


class Sweep:
    """One walk through what a tenant has in storage; with `dry`, nothing is deleted."""

    def __init__(self, tenant: Tenant, tally: Tally, now: datetime, *, dry: bool = False, gone: Gone | None = None):
        self.prefix = str(tenant.pk)
        self.tally = tally
        self.young = now - GRACE
        self.dry = dry
        self.gone = gone or Gone()

    def pieces(self) -> Iterator[None]:
        """Do the work, stopping after each part of it, so that the caller can say that it is alive."""
        numbers = sorted(self._run_numbers())
        for start in range(0, len(numbers), PIECE):
            self._runs(numbers[start : start + PIECE])
            yield
        self._datasets()
        yield
        self._states()

    def _run_numbers(self) -> set[int]:
        """Return the runs that have a folder in storage, or a file of rejects on this machine."""
        folders = _listed(f"{self.prefix}/spool")[0]
        files = (path.stem.removeprefix("run-") for path in rejects_folder().glob("run-*.csv"))
        mine = Run.objects.filter(pk__in=[int(name) for name in files if name.isdecimal()])
        return set(mine.values_list("pk", flat=True)) | {int(name) for name in folders if name.isdecimal()}

    def _runs(self, numbers: Iterable[int]) -> None:
        rows = Run.objects.filter(pk__in=numbers).values_list("pk", "spool_deleted_at", "rejects_deleted_at")
        known = {pk: (bool(spool) or pk in self.gone.spool, bool(rejects) or pk in self.gone.rejects)
                 for pk, spool, rejects in rows}  # fmt: skip
        for number in numbers:
            if number not in known:
                self._orphans(f"{self.prefix}/spool/{number}")
            elif any(known[number]):
                self._run(number, *known[number])

    def _run(self, number: int, spool: bool, rejects: bool) -> None:
        folder = f"{self.prefix}/spool/{number}"
        names = _listed(folder)[1]
        for name in names:
            kind = RetentionKind.REJECTS if name in REJECTS_FILES else RetentionKind.SPOOL
            if rejects if kind == RetentionKind.REJECTS else spool:
                self._delete(f"{folder}/{name}", kind)
        if rejects:
            self._folder_delete(folder)
            self._rejects_file_delete(rejects_folder() / f"run-{number}.csv")

    def _datasets(self) -> None:
        """Delete the versions of datasets that no dataset has any more and no run can ask for."""
        folder = f"{self.prefix}/datasets"
        old = {name for name in _listed(folder)[1] if self._is_old(f"{folder}/{name}")}
        if not old:
            return
        used = set(Dataset.objects.values_list("path", flat=True))
        asking = Run.objects.filter(spool_deleted_at=None).exclude(pk__in=self.gone.spool)
        for tables in asking.values_list("inputs__tables", flat=True).iterator(chunk_size=PIECE):
            used.update((tables or {}).values())
        for name in old:
            if f"{folder}/{name}" not in used:
                self._delete(f"{folder}/{name}", RetentionKind.DATASETS)

    def _states(self) -> None:
        """Delete what killed processes left of audiences' states; the state itself is kept as long as its audience."""
        folder = f"{self.prefix}/audiences"
        used = set(Audience.objects.values_list("state_path", flat=True))
        for number in _listed(folder)[0]:
            for name in _listed(f"{folder}/{number}")[1]:
                path = f"{folder}/{number}/{name}"
                if path not in used and self._is_old(path):
                    self._delete(path, RetentionKind.ORPHANS)

    def _orphans(self, folder: str) -> None:
        """Delete a folder that belongs to no run, when nothing in it is young."""
        paths = [f"{folder}/{name}" for name in _listed(folder)[1]]
        if self._is_old(folder) and all(self._is_old(path) for path in paths):
            for path in paths:
                self._delete(path, RetentionKind.ORPHANS)
            self._folder_delete(folder)

    def _is_old(self, path: str) -> bool:
        try:
            return default_storage.get_modified_time(path) < self.young
        except FileNotFoundError:
            return False

    def _delete(self, path: str, kind: RetentionKind) -> None:
        try:
            size = default_storage.size(path)
            if not self.dry:
                default_storage.delete(path)
        except FileNotFoundError:
            return
        except OSError as error:
            self._fault(path, error)
        else:
            self.tally.add(kind, 1, size)

    def _folder_delete(self, folder: str) -> None:
        try:
            if not self.dry and default_storage.exists(folder) and _listed(folder) == ([], []):
                default_storage.delete(folder)
        except OSError as error:
            self._fault(folder, error)

    def _rejects_file_delete(self, path: Path) -> None:
        if path.is_file():
            self.tally.add(RetentionKind.REJECTS, 1, path.stat().st_size)
            if not self.dry:
                path.unlink(missing_ok=True)

    def _fault(self, path: str, error: OSError) -> None:
        self.tally.faults += 1
        logger.warning("retention cannot delete %s: %s", path, type(error).__name__)


def rejects_folder() -> Path:
    """Return where commands on this machine write the rows that did not arrive."""
    return Path(settings.HUB_DATA_DIR) / "rejects"


def tenants_orphaned(known: set[int], now: datetime | None = None) -> list[str]:
    """Return the folders in storage of tenants that are not `known`, all of whose files are older than a day."""
    young = (now or timezone.now()) - GRACE
    return [
        name for name in _listed("")[0]
        if name.isdecimal() and int(name) not in known and all(_modified(path) < young for path in _walk(name))
    ]  # fmt: skip


def _walk(folder: str) -> Iterator[str]:
    folders, files = _listed(folder)
    yield folder
    yield from (f"{folder}/{name}" for name in files)
    for name in folders:
        yield from _walk(f"{folder}/{name}")


def _modified(path: str) -> datetime:
    return default_storage.get_modified_time(path)


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []
