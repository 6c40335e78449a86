"""How requests for audiences leave: one after another for each audience, phase by phase, to an audience that is there.

Of one audience, nothing is added before everything that has to be deleted has its verdict (files: appended before
removed), also when requests have to be repeated.
"""

import json
from typing import Any

from django.db.models import F, Min, Q, QuerySet

from destinations.preparation.contract import APPLY, UPLOAD
from destinations.specs.base import Parcel
from destinations.tiktok.audience_calls import FILE_GONE
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import RetryableError, TikTokError
from destinations.tiktok.resolutions import ResolutionKey
from orchestrations.audiences.claims import claim_drop, claim_take
from orchestrations.audiences.finding import adopt, audience_ensure, audience_find, claim_busy
from orchestrations.choices import UNFINISHED_BATCHES, BatchStatus
from orchestrations.models import Batch, Run, RunAudience
from orchestrations.runs.routes import Route
from orchestrations.runs.spool import Spool
from orchestrations.runs.verdicts import Outcome, batch_unknown, error_record

WHOLE_RUN = (ResolutionKey.INVALID_CREDENTIALS, ResolutionKey.AUDIENCE_NOT_FOUND)
"""What concerns all audiences of a run, or makes it begin again."""


class AudienceRoute(Route):
    """The route of a run that keeps audiences."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        rows = RunAudience.objects.filter(run=run).select_related("audience")
        self.targets = {target.pk: target for target in rows}
        self.claims: dict[int, str] = {}

    @property
    def connections(self) -> int:
        """Return how many requests may be in the air: one for each audience."""
        return max(1, len(self.targets))

    def ready(self, client: TikTokClient) -> None:
        """Create what streams need and TikTok does not have; raise RetryableError when that has to wait."""
        for target in self.targets.values():
            wanted = Batch.objects.filter(target=target, status__in=UNFINISHED_BATCHES)
            if target.audience.transport != "streaming" or not wanted.exists():
                continue
            try:
                audience_ensure(client, target.audience)
            except RetryableError:
                raise
            except TikTokError as error:
                if not self.part_stopped(target.pk, error_record(error)):
                    raise

    def open(self) -> "QuerySet[Batch]":
        """Return the batches of the earliest unfinished phase of each audience."""
        found = Q(pk__in=[])
        unfinished = Batch.objects.filter(run=self.run, status__in=UNFINISHED_BATCHES).order_by()
        for target, phase in unfinished.values_list("target").annotate(first=Min("phase")):
            found |= Q(target=target, phase=phase)
        return Batch.objects.filter(found, run=self.run)

    def choose(self, due: "QuerySet[Batch]", count: int, busy: "list[Batch]") -> list[Batch]:
        """Return the next batch of each audience that has none in the air."""
        taken = {batch.target_id for batch in busy}
        chosen: list[Batch] = []
        for batch in due.exclude(target__in=taken).order_by("number")[: count * 4 + len(self.targets)]:
            if batch.target_id not in taken and len(chosen) < count:
                chosen.append(batch)
                taken.add(batch.target_id)
        return chosen

    def parcel(self, client: TikTokClient, batch: Batch) -> Parcel:
        """Address a request; a change by files is looked up first where the audience is not known to exist.

        Raise TikTokError where that is not possible now.
        """
        target = self.targets[batch.target_id or 0]
        audience = target.audience
        files = self._files(batch) if batch.kind == APPLY else ()
        if batch.kind == APPLY and not audience.audience_id:
            self._look(client, batch, target)
        return Parcel(
            batch.kind,
            b"",
            self.run.inputs["settings"],
            advertiser_id=audience.advertiser_id,
            audience_id=audience.audience_id,
            audience_name=audience.name,
            files=files,
        )

    def landed(self, batch: Batch, outcome: Outcome) -> None:
        """Keep what later requests need of an answer; part of the transaction that records it."""
        claim_drop(self.claims.pop(batch.pk, ""))
        if outcome.answer is not None:
            self._answered(batch, outcome.answer.data)
        elif batch.kind == APPLY and outcome.error is not None and outcome.error.code in FILE_GONE:
            uploads = Batch.objects.filter(run=self.run, kind=UPLOAD, number__in=self._uploads(batch))
            uploads.update(status=BatchStatus.PENDING, open_ranges=[[0, 0]], result={}, failures=0)

    def part_stopped(self, target_id: int | None, error: dict[str, Any]) -> bool:
        """Stop one audience of several and go on with the others; return False where the run has to stop."""
        if len(self.targets) == 1 or target_id is None or error.get("resolution") in WHOLE_RUN:
            return False
        target = self.targets[target_id]
        target.error = error
        target.save(update_fields=["error"])
        unfinished = Batch.objects.filter(target=target, status__in=UNFINISHED_BATCHES)
        unknown = 0
        for batch in unfinished.filter(uncertain=True):
            unknown += batch_unknown(batch)
            batch.save(update_fields=["status", "unknown"])
        unfinished.update(status=BatchStatus.UNSENT)
        Run.objects.filter(pk=self.run.pk).update(unknown=F("unknown") + unknown)
        return True

    def _look(self, client: TikTokClient, batch: Batch, target: RunAudience) -> None:
        """Hold the claim until the answer has landed, and take over an audience that is there."""
        token = claim_take(target.audience)
        if not token:
            raise claim_busy()
        self.claims[batch.pk] = token
        adopt(target.audience, audience_find(client, target.audience).audience_id)

    def _answered(self, batch: Batch, data: dict[str, Any]) -> None:
        if batch.kind == UPLOAD:
            batch.result = {"file_path": str(data["file_path"])}
        elif batch.kind == APPLY and data.get("custom_audience_id"):
            adopt(self.targets[batch.target_id or 0].audience, str(data["custom_audience_id"]))

    def _files(self, batch: Batch) -> tuple[str, ...]:
        rows = Batch.objects.filter(run=self.run, kind=UPLOAD, number__in=self._uploads(batch)).order_by("number")
        return tuple(str(result.get("file_path", "")) for result in rows.values_list("result", flat=True))

    def _uploads(self, batch: Batch) -> list[int]:
        wanted: list[int] = json.loads(Spool(self.run.spool).body_read(batch.number))["uploads"]
        return wanted
