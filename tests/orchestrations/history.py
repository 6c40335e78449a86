"""The past of a tenant that has been at it for long: many runs, made at once and run by nobody."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.utils import timezone

from destinations.choices import CredentialStatus, CredentialType
from destinations.models import Credential, Destination
from orchestrations.choices import AudienceStatus, QueryStatus, RunStage, RunStatus
from orchestrations.models import Audience, AudienceReading, Batch, Dataset, Orchestration, Query, Run, RunAudience
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ADVERTISER, EVENT_SET = "7654321098765432109", "7654321098765432100"
PLUGINS = (
    ("tiktok-ads-events", CredentialType.EVENTS, {"event_source": "offline", "event_source_id": EVENT_SET}),
    ("tiktok-ads", CredentialType.AUDIENCES, {"audience_name": "members", "user_id_types": ["EMAIL"]}),
)
ENDS = (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED_WITH_ERRORS, RunStatus.SUCCEEDED, RunStatus.FAILED)
DAYS, PIECE, KEPT = 60, 2000, 4


def orchestrations_make(tenant: Tenant, count: int) -> list[Orchestration]:
    """Make orchestrations, one for an audience after each for events, with a destination and a query of their own."""
    found = []
    for number in range(count):
        plugin, kind, settings = PLUGINS[number % len(PLUGINS)]
        own = {"tenant": tenant}
        name = f"{plugin}-{number:03d}"
        credential = Credential.objects.create(
            **own, name=name, type=kind, access_token="t", status=CredentialStatus.AUTHORISED
        )
        destination = Destination.objects.create(
            **own, name=name, plugin=plugin, credential=credential, settings={"advertiser_id": ADVERTISER, **settings}
        )
        query = Query.objects.create(**own, name=name, sql="SELECT 1", status=QueryStatus.ACTIVE, columns=[])
        Dataset.objects.create(**own, name=f"table_{number}", path="x", loaded_at=timezone.now())
        found.append(Orchestration.objects.create(**own, name=name, query=query, destination=destination))
    return found


def history_make(tenant: Tenant, runs: int, orchestrations: int = 8) -> list[Run]:
    """Give a tenant that many runs of the last 60 days, with audiences, their readings, and batches of the newest."""
    with tenant_scope(tenant):
        orchestrations_make(tenant, orchestrations)
    made = runs_add(tenant, runs)
    with tenant_scope(tenant):
        _audiences(tenant, made)
        Batch.objects.bulk_create(
            Batch(tenant=tenant, run=made[-1], number=number, events=10, accepted=10, status="accepted")
            for number in range(1, 60)
        )
    return made


def runs_add(tenant: Tenant, count: int) -> list[Run]:
    """Give the tenant's orchestrations that many runs more."""
    chance = random.Random(count)  # noqa: S311 - numbers to look at
    with tenant_scope(tenant), created_as_told():
        known = list(Orchestration.objects.select_related("destination__credential"))
        made = [_run(tenant, known[number % len(known)], chance) for number in range(count)]
        Run.objects.bulk_create(made, batch_size=PIECE)
    return made


@contextmanager
def created_as_told() -> Iterator[None]:
    """Let runs be of another time than the present."""
    field = Run._meta.get_field("created_at")
    field.auto_now_add = False
    try:
        yield
    finally:
        field.auto_now_add = True


def _run(tenant: Tenant, orchestration: Orchestration, chance: random.Random) -> Run:
    at = timezone.now() - timedelta(seconds=chance.uniform(60, DAYS * 86_400))
    rejected = chance.randrange(50)
    return Run(
        tenant=tenant, orchestration=orchestration, credential=orchestration.destination.credential, created_at=at,
        status=chance.choice(ENDS), stage=RunStage.FINISHED, started_at=at, prepared_at=at,
        finished_at=at + timedelta(seconds=9), selected=1000, in_events=1000 - rejected, rejected=rejected,
        rejected_by_reason={"bad_email": rejected} if rejected else {}, events=500, accepted=490, refused=10,
        inputs={"plugin": orchestration.destination.plugin, "sql": "SELECT 1", "settings": {}},
        error={"sentence": "The ad account is out of reach."},
    )  # fmt: skip


def _audiences(tenant: Tenant, runs: list[Run]) -> None:
    keeping = [run for run in runs if run.orchestration.destination.spec.keeps_audience]
    own = {"tenant": tenant}
    for number, run in enumerate(keeping[-KEPT:]):
        audience = Audience.objects.create(
            **own, name=f"members {number}", advertiser_id=ADVERTISER, transport="streaming", people=2000, size=900,
            status=AudienceStatus.TOO_SMALL, state_at=timezone.now(), audience_id=f"71490529888955{number:05d}",
        )  # fmt: skip
        AudienceReading.objects.bulk_create(
            AudienceReading(**own, audience=audience, status=audience.status, size=900 + day, told=2000, read_at=at)
            for day in range(DAYS)
            for at in [timezone.now() - timedelta(days=day)]
        )
        RunAudience.objects.create(**own, run=run, audience=audience, number=1, added=20, removed=10, after=2000)
