"""Groups, and what follows what, in configuration files: in, out and back, and what is wrong with them."""

import pytest

from orchestrations.models import Orchestration, OrchestrationGroup, Schedule
from orchestrations.schedules.timetables import members_of
from tests.tiktok_hub.configuration.conftest import ACME
from tiktok_hub.configuration import tenant_export
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

SECOND = """  - {name: a-second, query: purchases, destination: store,
     settings: {event_source_id: "7654321098765432100"}%s}
"""
NIGHTLY = """groups:
  - name: nightly
    members: [send, a-second]
    on_failure: go_on
    schedule: {cron: 30 2 * * *, time_zone: Europe/Berlin}
"""
FOLLOWS = ", schedule: {after: send, ends: any, overlap: queue}"


def document(groups: str = NIGHTLY, follows: str = "") -> str:
    """Return Acme's document with a second orchestration and groups."""
    return f"{ACME.rstrip()}\n{SECOND % follows}{groups}"


@pytest.fixture
def acme_now(apply):
    """Apply a document and return what the tenant has then."""

    def go(text: str) -> Tenant:
        apply(text)
        return Tenant.objects.get(slug="acme")

    return go


def test_a_group_gets_its_members_in_order_and_its_schedule(acme_now):
    tenant = acme_now(document())
    with tenant_scope(tenant):
        group = OrchestrationGroup.objects.select_related("schedule__set_by").get()
        assert [each.name for each in members_of(group)] == ["send", "a-second"]
        assert (group.order, group.on_failure, group.schedule.cron) == ("sequence", "go_on", "30 2 * * *")
        assert group.schedule.set_by.email == "ada@acme.example"


def test_what_follows_another_may_stand_before_it_in_the_file(acme_now):
    other = SECOND.replace("a-second", "b") % ", schedule: {after: c}" + SECOND.replace("a-second", "c") % ""
    tenant = acme_now(f"{ACME.rstrip()}\n{other}")
    with tenant_scope(tenant):
        assert Schedule.objects.get().after.name == "c"


def test_groups_and_followers_come_out_and_back_without_a_difference(acme_now, apply, monkeypatch):
    exported = tenant_export(acme_now(document(follows=FOLLOWS)))
    assert "after: send" in exported
    monkeypatch.setenv("ACME_ACME_EVENTS_TOKEN", "marker-token-1")
    assert "acme: nothing to change" in apply(exported, dry_run=True)


def test_another_order_of_members_is_a_change(acme_now, apply):
    acme_now(document())
    changed = document(NIGHTLY.replace("[send, a-second]", "[a-second, send]"))
    assert "members: send, a-second → a-second, send" in apply(changed)
    with tenant_scope(Tenant.objects.get(slug="acme")):
        assert [each.name for each in members_of(OrchestrationGroup.objects.get())][0] == "a-second"


def test_what_follows_what_can_be_turned_round_in_one_file(acme_now, apply):
    acme_now(document(follows=FOLLOWS))
    entry = 'settings: {event_source_id: "7654321098765432100"}'
    turned = document("").replace(entry, f"{entry}, schedule: {{after: a-second}}", 1)
    apply(turned)
    with tenant_scope(Tenant.objects.get(slug="acme")):
        assert Orchestration.objects.get(name="send").schedule.after.name == "a-second"


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        (document(NIGHTLY.replace("a-second]", "a-secnd]")), "groups[nightly].members", "“a-secnd”, here or in the"),
        (document(NIGHTLY.replace("a-second]", "send]")), "groups[nightly].members", "stands here twice"),
        (document(NIGHTLY.replace("go_on", "go")), "groups[nightly].on_failure", "none of the words allowed"),
        (document("", ", schedule: {after: nothing}"), "orchestrations[a-second].schedule.after", "“nothing”"),
        (document("", ", schedule: {after: a-second}"), "orchestrations[a-second].schedule.after", "never ends"),
        (
            document("", ", schedule: {after: send, ends: well}"),
            "orchestrations[a-second].schedule.ends", "none of the words allowed",
        ),
        (
            document("", ", schedule: {cron: 0 1 * * *, ends: any}"),
            "orchestrations[a-second].schedule.ends", "goes with “after” only",
        ),
        (
            document(NIGHTLY.replace("cron: 30 2 * * *", "after: a-second")),
            "groups[nightly].schedule.after", "“nightly” → “a-second” → “nightly”",
        ),
    ],
    ids=["unknown member", "twice", "word", "unknown", "itself", "ends", "ends of cron", "through a group"],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(mistakes, text, path, sentence):
    found = mistakes(text)[0]
    assert found["path"] == path
    assert sentence in found["message"]
