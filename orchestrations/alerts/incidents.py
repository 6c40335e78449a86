"""Keep incidents: the first time is told, then every n-th, then that all is well again.

A look works through what was not looked at yet, in one transaction per piece, holding the tenant's watch: however many
workers look, each run counts once, and a worker that is killed leaves everything to be found again.
"""

import logging
import traceback
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from orchestrations.alerts.choices import Telling
from orchestrations.alerts.models import Incident, Notice, Rule, Sighting, Watch, subject_fields
from orchestrations.alerts.watching import (
    ENDED,
    Finding,
    Rules,
    audience_findings,
    credential_findings,
    group_findings,
    run_findings,
    stream_findings,
)
from orchestrations.choices import RunStatus
from orchestrations.models import GroupRun, Run
from tiktok_hub.tenancy.scope import current_tenant

logger = logging.getLogger(__name__)

#: A run may be committed this long after the time of its end, and be found in spite of others that came later.
OVERLAP = timedelta(minutes=5)
PIECE = 200  # runs of one transaction

AnyRun = Run | GroupRun


def tenant_look(now: datetime | None = None) -> int:
    """Look at what happened in the opened tenant since the last look; return how many runs were looked at."""
    now, looked = now or timezone.now(), 0
    while True:
        number = _look_piece(now)
        looked += number
        if number < PIECE:
            return looked


@transaction.atomic
def _look_piece(now: datetime) -> int:
    rules = Rules()
    if rules.since is None:
        Incident.objects.filter(closed_at=None).update(closed_at=now)
        return 0
    Watch.objects.get_or_create(tenant=current_tenant(), defaults={"looked_until": rules.since})
    watch = Watch.objects.select_for_update().get()
    earliest = max(watch.looked_until, rules.since) - OVERLAP
    found = [*_runs_ended(earliest), *_runs_held(), *_group_runs_ended(earliest)]
    piece = sorted(found, key=lambda pair: (pair[1], pair[0].pk))[:PIECE]
    for run, at in piece:
        _look_at(run, at, rules)
    for finding in (*credential_findings(rules, now), *audience_findings(rules, now), *stream_findings(rules)):
        finding_keep(finding)
    ended = [at for run, at in piece if run.status != RunStatus.HELD]
    Watch.objects.filter(pk=watch.pk).update(looked_until=max([watch.looked_until, *ended]))
    return len(piece)


def _runs_ended(earliest: datetime) -> list[tuple[AnyRun, datetime]]:
    ended = Run.objects.filter(_unseen("finished_at"), finished_at__gte=earliest, status__in=ENDED)
    rows = ended.select_related("orchestration").order_by("finished_at", "pk")[:PIECE]
    return [(run, run.finished_at) for run in rows if run.finished_at]


def _runs_held() -> list[tuple[AnyRun, datetime]]:
    held = Run.objects.filter(_unseen("prepared_at"), status=RunStatus.HELD)
    rows = held.select_related("orchestration").order_by("prepared_at", "pk")[:PIECE]
    return [(run, run.prepared_at) for run in rows if run.prepared_at]


def _group_runs_ended(earliest: datetime) -> list[tuple[AnyRun, datetime]]:
    ended = GroupRun.objects.filter(_unseen("finished_at", group=True), finished_at__gte=earliest)
    rows = ended.select_related("group").order_by("finished_at", "pk")[:PIECE]
    return [(run, run.finished_at) for run in rows if run.finished_at]


def _unseen(at: str, *, group: bool = False) -> Q:
    """Return the condition that a run was not looked at as it is now."""
    return Q(~Exists(Sighting.objects.filter(run=OuterRef("pk"), group=group, at=OuterRef(at))))


def _look_at(run: AnyRun, at: datetime, rules: Rules) -> None:
    """Keep what a run says; one that cannot be judged is logged and passed over, so that the others are told."""
    Sighting.objects.create(tenant_id=run.tenant_id, run=run.pk, group=isinstance(run, GroupRun), at=at)
    try:
        with transaction.atomic():
            said = group_findings(run, at, rules) if isinstance(run, GroupRun) else run_findings(run, at, rules)
            for finding in said:
                finding_keep(finding)
    except Exception as error:
        # The error's own text may quote a value: the log gets its class and the way through the code.
        way = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s %s could not be judged: %s\n%s", run._meta.verbose_name, run.pk, type(error).__name__, way)


def finding_keep(finding: Finding) -> None:
    """Open, count or close the incidents that a finding is about; what is to be told waits for its channels."""
    fields = subject_fields(finding.thing)
    about = Incident.objects.select_related("rule").filter(subject=fields["subject"], closed_at=None)
    if finding.rule is None:
        for ended in about.filter(rule__kind=finding.kind, last_at__lt=finding.at):
            _close(ended, finding)
        return
    incident = about.filter(rule=finding.rule).first()
    if incident is None:
        incident = Incident.objects.create(
            tenant_id=finding.rule.tenant_id, rule=finding.rule, state=finding.state, opened_at=finding.at,
            **fields, **_said(finding),
        )  # fmt: skip
        _tell(incident, finding.rule, Telling.TROUBLE, finding)
    elif finding.at > incident.last_at or finding.state != incident.state:
        _count(incident, finding.rule, finding)


def _count(incident: Incident, rule: Rule, finding: Finding) -> None:
    """Count a trouble once more; every n-th time is told, and one of another kind at once."""
    another = finding.state != incident.state
    changes = {**_said(finding), "state": finding.state, "count": F("count") + 1}
    Incident.objects.filter(pk=incident.pk).update(**changes)
    incident.refresh_from_db()
    if another or incident.count % rule.every == 0:
        _tell(incident, rule, Telling.TROUBLE if another else Telling.REMINDER, finding)


def _close(incident: Incident, finding: Finding) -> None:
    Incident.objects.filter(pk=incident.pk).update(closed_at=finding.at)
    if incident.rule.enabled and incident.rule.recovery:
        _tell(incident, incident.rule, Telling.RECOVERY, finding)


def _said(finding: Finding) -> dict[str, object]:
    said = finding.said
    return {"headline": said.headline, "text": said.text, "path": said.path, "last_at": finding.at}


def _tell(incident: Incident, rule: Rule, telling: Telling, finding: Finding) -> None:
    """Put a notice before each channel of the rule that is switched on and leads to somebody who does not know."""
    said, first = finding.said, telling == Telling.TROUBLE and incident.count == 1
    for channel in rule.channels.filter(enabled=True):
        if first and channel.addresses and finding.known.issuperset(channel.addresses):
            continue
        Notice.objects.create(
            tenant_id=rule.tenant_id, channel=channel, incident=incident, telling=telling, number=incident.count,
            headline=said.headline, text=said.text, path=said.path, facts=finding.facts, at=finding.at,
        )  # fmt: skip
