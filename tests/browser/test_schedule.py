"""A schedule as people set it: the next runs are there while they type."""

import pytest
from playwright.sync_api import expect

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.choices import QueryStatus
from orchestrations.models import Orchestration, Query
from tiktok_hub.tenancy.scope import tenant_scope

COLUMNS = [{"name": name, "type": "VARCHAR"} for name in ("event", "timestamp", "email")]
EVENTS = {"advertiser_id": "7654321098765432109", "event_source": "offline", "event_source_id": "7654321098765432100"}


@pytest.fixture
def orchestration(transactional_db, acme, ada) -> Orchestration:
    """An orchestration that could run."""
    with tenant_scope(acme):
        query = Query.objects.create(tenant=acme, name="q", sql="SELECT 1", status=QueryStatus.ACTIVE, columns=COLUMNS)
        credential = Credential.objects.create(
            tenant=acme, name="c", access_token="t", status=CredentialStatus.AUTHORISED
        )
        destination = Destination.objects.create(
            tenant=acme, name="d", plugin="tiktok-ads-events", credential=credential, settings=EVENTS
        )
        return Orchestration.objects.create(tenant=acme, name="send", query=query, destination=destination)


def test_the_next_runs_are_shown_while_a_schedule_is_typed(live_server, log_in, orchestration):
    page = log_in("ada@acme.example")
    page.goto(f"{live_server.url}/acme/orchestrations/orchestration/{orchestration.pk}/change/")
    preview = page.locator("#schedule-preview")
    expect(page.get_by_label("Cron expression")).to_be_hidden()
    page.get_by_label("When it runs").select_option("cron")
    page.get_by_label("Cron expression").press_sequentially("30 2 * *")
    expect(preview).to_contain_text("five fields")
    page.get_by_label("Cron expression").press_sequentially(" *")
    expect(preview).to_contain_text("At 02:30 every day (America/New_York)")
    expect(preview.locator("time")).to_have_count(5)
    page.get_by_label("When it runs").select_option("interval")
    page.get_by_label("Minutes between runs").fill("90")
    expect(preview).to_contain_text("Every 90 minutes")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Schedule", exact=True)).to_contain_text("Every 90 minutes, counted from")
