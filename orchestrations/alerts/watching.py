"""Look at runs, credentials and audiences, and say what is wrong and what is well again. Nothing is changed here.

Plans and samples are left out: somebody sits before them. So are cancelled runs, but for those that a schedule left
out, and the numbers of replays, which send a part of an earlier run. A thing that is neither wrong nor well (an
audience that TikTok is counting) gives no finding.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Q
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential
from orchestrations.alerts import words
from orchestrations.alerts.choices import RuleKind
from orchestrations.alerts.models import Incident, Rule, Thing
from orchestrations.choices import AudienceStatus, RunPurpose, RunStatus
from orchestrations.models import Audience, GroupRun, Run, RunAudience, Schedule, Stream
from orchestrations.runs.refusals import GROUP_REFUSED, REFUSED, SKIPPED
from orchestrations.runs.resolutions import LocalKey
from orchestrations.telling import owners
from tiktok_hub.mail import mail_possible

SUCCEEDED = (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS)
#: Why a stream is parked before a run was made.
SEEN_BEFORE_A_RUN = (LocalKey.STREAM_WAITS, LocalKey.CREDENTIAL_WAITS)
#: Statuses of a run that has ended by itself, or that never started.
ENDED = (*SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
DEAD = (CredentialStatus.EXPIRED, CredentialStatus.FAILED)
TROUBLED = (
    AudienceStatus.TOO_SMALL, AudienceStatus.EXPIRING, AudienceStatus.EXPIRED, AudienceStatus.NOT_EDITABLE,
    AudienceStatus.FAILED, AudienceStatus.DELETED,
)  # fmt: skip
#: A success ends these; whether it ends the others goes by its numbers.
ENDED_BY_SUCCESS = (RuleKind.FAILED, RuleKind.HELD, RuleKind.NOT_STARTED)
FEWEST_RUNS, MOST_RUNS = 5, 20  # runs that make a usual number of rows
#: How long TikTok may not have said whether a token is alive until somebody should look: it is asked daily.
DOUBTFUL = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong (`bad`) or well with a thing, by the rules of a kind, at a time.

    `rule` is the one that finds it wrong; what is well needs none. `state` tells troubles of one thing apart. `known`
    are the e-mail addresses that were told of it in another way.
    """

    kind: RuleKind
    thing: Thing
    at: datetime
    rule: Rule | None = None
    state: str = ""
    said: words.Words = words.Words()
    facts: dict[str, Any] = field(default_factory=dict)
    known: frozenset[str] = frozenset()

    @property
    def bad(self) -> bool:
        """Say whether something is wrong."""
        return self.rule is not None


class Rules:
    """The opened tenant's rules: an orchestration's own rule of a kind replaces the tenant's, also a disabled one."""

    def __init__(self) -> None:
        self._found = {(rule.kind, rule.orchestration_id): rule for rule in Rule.objects.all()}

    @property
    def since(self) -> datetime | None:
        """Return from when on anything is told; None where nothing is."""
        return min((rule.since for rule in self._found.values() if rule.enabled), default=None)

    def of(self, kind: RuleKind, orchestration_id: int | None, at: datetime | None = None) -> Rule | None:
        """Return the rule that holds; None where what happened `at` a time is not told."""
        rule = self._found.get((kind, orchestration_id)) or self._found.get((kind, None))
        return rule if rule is not None and rule.enabled and (at is None or at >= rule.since) else None


def run_findings(run: Run, at: datetime, rules: Rules) -> Iterator[Finding]:
    """Yield what a run that is held or has ended at a time says about its orchestration."""
    if run.purpose != RunPurpose.DELIVER or run.sample:
        return
    facts = words.run_facts(run)
    if run.status == RunStatus.HELD:
        yield from _wrong(RuleKind.HELD, run, at, rules, words.run_held(run), facts)
    elif run.error.get("resolution") in {REFUSED, SKIPPED, GROUP_REFUSED}:
        for finding in _wrong(RuleKind.NOT_STARTED, run, at, rules, words.run_not_started(run), facts):
            schedule = Schedule.objects.filter(orchestration=run.orchestration_id).first()
            yield replace(finding, known=_owners(run, schedule))
    elif run.status == RunStatus.FAILED:
        yield from _wrong(RuleKind.FAILED, run, at, rules, words.run_failed(run), facts)
    elif run.status in SUCCEEDED and run.skipped_at is None and not run.replay_rows:
        well = words.run_succeeded(run)
        yield from (Finding(kind, run.orchestration, at, said=well, facts=facts) for kind in ENDED_BY_SUCCESS)
        yield from _share_finding(run, at, rules, facts)
        yield from _rows_finding(run, at, rules, facts)


def _wrong(
    kind: RuleKind, run: Run, at: datetime, rules: Rules, said: words.Words, facts: dict[str, Any]
) -> Iterator[Finding]:
    if rule := rules.of(kind, run.orchestration_id, at):
        yield Finding(kind, run.orchestration, at, rule, said=said, facts=facts)


def group_findings(run: GroupRun, at: datetime, rules: Rules) -> Iterator[Finding]:
    """Yield what a group's run that was due says about its group: the runs of its members speak for themselves."""
    facts = {"group": {"id": run.group_id, "name": run.group.name}}
    if run.error.get("resolution") in {REFUSED, SKIPPED}:
        if rule := rules.of(RuleKind.NOT_STARTED, None, at):
            schedule = Schedule.objects.filter(group=run.group_id).first()
            said, known = words.group_not_started(run), _owners(run, schedule)
            yield Finding(RuleKind.NOT_STARTED, run.group, at, rule, said=said, facts=facts, known=known)
    elif run.status in SUCCEEDED:
        yield Finding(RuleKind.NOT_STARTED, run.group, at, said=words.group_succeeded(run), facts=facts)


def _owners(run: Run | GroupRun, schedule: Schedule | None) -> frozenset[str]:
    """Return who was told by e-mail that a scheduled run was refused (`orchestrations.telling`)."""
    if schedule is None or run.error.get("resolution") != REFUSED or not mail_possible():
        return frozenset()
    return frozenset(each.user.email for each in owners(schedule))


def _share_finding(run: Run, at: datetime, rules: Rules, facts: dict[str, Any]) -> Iterator[Finding]:
    """Hold the rows that were rejected by us or refused by TikTok against the rule's share of those selected."""
    rule = rules.of(RuleKind.REJECTED, run.orchestration_id, at)
    if rule is None or not run.selected:
        return
    wrong = (run.rejected + run.refused) * 100 > (rule.percent or 0) * run.selected
    said = words.run_rejected(run, rule.percent or 0) if wrong else words.run_succeeded(run)
    yield Finding(RuleKind.REJECTED, run.orchestration, at, rule if wrong else None, said=said, facts=facts)


def _rows_finding(run: Run, at: datetime, rules: Rules, facts: dict[str, Any]) -> Iterator[Finding]:
    """Hold the rows that the query returned against the median of the successful runs before, ± the rule's percent.

    What is posted to a stream has no usual number.
    """
    rule = rules.of(RuleKind.ROWS, run.orchestration_id, at) if run.stream_id is None else None
    usual = usual_rows(run) if rule is not None and run.selected is not None else []
    if rule is None or len(usual) < FEWEST_RUNS:
        return
    middle, percent = median(usual), rule.percent or 0
    low, high = middle * (100 - percent) / 100, middle * (100 + percent) / 100
    wrong = not low <= (run.selected or 0) <= high
    said = words.run_rows(run, max(low, 0), high, len(usual)) if wrong else words.run_succeeded(run)
    numbers = {**facts, "usual_rows": {"low": round(max(low, 0)), "high": round(high)}}
    yield Finding(RuleKind.ROWS, run.orchestration, at, rule if wrong else None, said=said, facts=numbers)


def usual_rows(run: Run) -> list[int]:
    """Return how many rows the last whole successful runs before this one selected, at most 20."""
    before = Run.objects.filter(
        orchestration=run.orchestration_id, purpose=RunPurpose.DELIVER, sample=None, replay_rows="",
        status__in=SUCCEEDED, finished_at__lt=run.finished_at, selected__isnull=False,
    )  # fmt: skip
    return [run.selected or 0 for run in before.only("selected").order_by("-finished_at")[:MOST_RUNS]]


def credential_findings(rules: Rules, now: datetime | None = None) -> Iterator[Finding]:
    """Yield what is wrong with credentials of the tenant, and which of those in trouble are well again.

    TikTok's tokens do not expire by time. One that TikTok has not confirmed for days is *doubtful*: it may be dying.
    """
    now = now or timezone.now()
    rule = rules.of(RuleKind.CREDENTIAL, None)
    doubtful = Q(status=CredentialStatus.AUTHORISED, checked_at__lte=now - DOUBTFUL) & ~Q(problem="")
    for credential in Credential.objects.filter(Q(status__in=DEAD) | doubtful | _in_trouble("credential")):
        facts = {"credential": {"id": credential.pk, "name": credential.name, "status": credential.status}}
        dead = credential.status in DEAD
        if dead or (credential.problem and credential.checked_at and credential.checked_at <= now - DOUBTFUL):
            state, at = credential.status if dead else "doubtful", credential.checked_at or now
            if rule is not None:
                said = words.credential_trouble(credential, dead=dead)
                yield Finding(RuleKind.CREDENTIAL, credential, at, rule, state, said, facts)
        elif credential.status == CredentialStatus.AUTHORISED:
            yield Finding(RuleKind.CREDENTIAL, credential, now, said=words.credential_well(credential), facts=facts)


def stream_findings(rules: Rules) -> Iterator[Finding]:
    """Yield which streams are parked without a run that failed; the next run that succeeds ends it."""
    parked = Stream.objects.filter(parked_at__isnull=False).select_related("orchestration")
    for stream in parked:
        rule = rules.of(RuleKind.FAILED, stream.orchestration_id, stream.parked_at)
        if rule is not None and stream.parked_at is not None and stream.parked.get("resolution") in SEEN_BEFORE_A_RUN:
            facts = {"orchestration": {"id": stream.orchestration_id, "name": stream.orchestration.name}}
            said = words.stream_parked(stream)
            yield Finding(RuleKind.FAILED, stream.orchestration, stream.parked_at, rule, said=said, facts=facts)


def audience_findings(rules: Rules, now: datetime | None = None) -> Iterator[Finding]:
    """Yield what is wrong with audiences of the tenant, and which of those in trouble are well again.

    Which rule holds goes by the orchestration that kept the audience last. One that TikTok may still be filling is not
    called too small.
    """
    now = now or timezone.now()
    for audience in Audience.objects.filter(Q(status__in=TROUBLED) | _in_trouble("audience")):
        facts = {"audience": {"id": audience.pk, "name": audience.name, "status": audience.status}}
        if audience.status == AudienceStatus.READY:
            yield Finding(RuleKind.AUDIENCE, audience, now, said=words.audience_well(audience), facts=facts)
        elif audience.status in TROUBLED and not (
            audience.status == AudienceStatus.TOO_SMALL and words.settling(audience, now)
        ):
            rule = rules.of(RuleKind.AUDIENCE, _keeper(audience))
            if rule is not None:
                said, at = words.audience_trouble(audience), audience.read_at or now
                yield Finding(RuleKind.AUDIENCE, audience, at, rule, audience.status, said, facts)


def _in_trouble(name: str) -> Q:
    """Return the condition that an incident is open about a thing."""
    return Q(pk__in=Incident.objects.filter(closed_at=None).exclude(**{name: None}).values(name))


def _keeper(audience: Audience) -> int | None:
    """Return the orchestration that kept an audience last."""
    latest = RunAudience.objects.filter(audience=audience).select_related("run").order_by("-run_id").first()
    return latest.run.orchestration_id if latest else None
