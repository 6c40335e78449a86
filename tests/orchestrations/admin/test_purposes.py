"""What an orchestration is for, in one sentence, and how it has done."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orchestrations.admin.purposes import purpose_of, record_of
from orchestrations.choices import RunPurpose, RunStatus, SyncMode
from orchestrations.models import GroupMember, Orchestration, OrchestrationGroup, Run
from tests.orchestrations.audiences.made import orchestration_made
from tests.orchestrations.conftest import order_rows
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ACCOUNT = "advertiser 7654321098765432109"


def sentence(tenant: Tenant, orchestration: Orchestration) -> str:
    with tenant_scope(tenant):
        found = purpose_of(orchestration, None, rests=False)
    return f"{found.before}Q{found.after}, {found.when}."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "offline events to TikTok event set 7654321098765432100"),
        ({"event_set_name": "Stores"}, "offline events to TikTok event set “Stores” (7654321098765432100)"),
        ({"event_source": "web"}, "web events to TikTok pixel 7654321098765432100"),
    ],
    ids=["offline", "named", "web"],
)
def test_sentence_names_events_event_set_and_advertiser(acme, orchestration_of, changes, words):
    orchestration = orchestration_of(acme, order_rows(1), **changes)
    said = sentence(acme, orchestration)
    assert said == f"Sends the rows of Q as {words} of {ACCOUNT}, whenever somebody starts it."


def test_sentence_names_the_advertiser_as_the_credential_knows_it(acme, orchestration_of):
    orchestration = orchestration_of(acme, order_rows(1))
    orchestration.destination.credential.advertisers = [{"id": "7654321098765432109", "name": "Acme US"}]
    assert "of advertiser Acme US (7654321098765432109)," in sentence(acme, orchestration)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (SyncMode.MIRROR, "Keeps {audience} equal to the people of Q"),
        (SyncMode.ADD, "Adds the people of Q to {audience}"),
        (SyncMode.REMOVE, "Removes the people of Q from {audience}"),
    ],
)
def test_sentence_says_how_an_audience_follows(acme, mode, said):
    with tenant_scope(acme):
        orchestration = orchestration_made(acme)
    orchestration.sync_mode = mode
    audience = f"the TikTok audience “members” of {ACCOUNT}"
    assert sentence(acme, orchestration).startswith(said.format(audience=audience))


def test_sentence_names_the_group_with_which_it_runs(acme, orchestration_of):
    orchestration = orchestration_of(acme, order_rows(1))
    with tenant_scope(acme):
        group = OrchestrationGroup.objects.create(tenant=acme, name="nightly")
        GroupMember.objects.create(tenant=acme, group=group, orchestration=orchestration, position=1)
    assert sentence(acme, orchestration).endswith(", whenever “nightly” runs or somebody starts it.")


def test_record_tells_the_last_success_and_the_usual_rows_of_whole_runs(acme, orchestration_of):
    orchestration = orchestration_of(acme, order_rows(1))
    made = [
        {"status": RunStatus.SUCCEEDED, "selected": 100},
        {"status": RunStatus.SUCCEEDED, "selected": 90},
        {"status": RunStatus.SUCCEEDED_WITH_ERRORS, "selected": 500},
        {"status": RunStatus.SUCCEEDED, "selected": 10, "sample": 10},
        {"status": RunStatus.SUCCEEDED, "selected": 7, "purpose": RunPurpose.PLAN},
        {"status": RunStatus.FAILED, "selected": 3},
    ]
    with tenant_scope(acme):
        for hours, fields in enumerate(made, -len(made)):
            run = Run.objects.create(tenant=acme, orchestration=orchestration, **fields)
            Run.objects.filter(pk=run.pk).update(created_at=timezone.now() + timedelta(hours=hours))
        found = record_of(orchestration)
    assert (found.usual_rows, found.last_success.selected) == (100, 500)


def test_record_of_what_never_ran_is_empty(acme, orchestration_of):
    orchestration = orchestration_of(acme, order_rows(1))
    with tenant_scope(acme):
        found = record_of(orchestration)
    assert (found.usual_rows, found.last_success) == (None, None)
