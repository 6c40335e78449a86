"""Schedules in configuration files: in, out and back, and what is wrong with them."""

import pytest

from orchestrations.models import Schedule
from tests.tiktok_hub.configuration.conftest import ACME, edited
from tiktok_hub.configuration import tenant_export
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ENTRY = 'settings: {event_source_id: "7654321098765432100"}'
DAILY = "{cron: 30 2 * * *, time_zone: Europe/Berlin, overlap: queue, missed: skip}"


def with_schedule(schedule: str) -> str:
    """Return Acme's document with a schedule of its orchestration."""
    return edited(ENTRY, f"{ENTRY}, schedule: {schedule}")


def schedules() -> list[Schedule]:
    tenant = Tenant.objects.get(slug="acme")
    with tenant_scope(tenant):
        return list(Schedule.objects.select_related("set_by"))


def test_a_cron_schedule_is_set_in_an_administrators_name(apply):
    apply(with_schedule(DAILY))
    (row,) = schedules()
    assert (row.cron, row.time_zone, row.overlap, row.missed, row.enabled) == (
        "30 2 * * *", "Europe/Berlin", "queue", "skip", True,
    )  # fmt: skip
    assert row.set_by.email == "ada@acme.example"
    assert row.next_slot == row.rule.next(row.set_at)


def test_an_interval_takes_the_tenants_time_zone_and_the_defaults(apply):
    apply(with_schedule("{every_minutes: 45}"))
    (row,) = schedules()
    assert (row.every_minutes, row.cron, row.time_zone) == (45, "", "America/New_York")
    assert (row.overlap, row.missed) == ("skip", "once")


@pytest.mark.parametrize("schedule", [DAILY, "{every_minutes: 90, enabled: false}"])
def test_a_schedule_comes_out_and_back_without_a_difference(apply, schedule, monkeypatch):
    apply(with_schedule(schedule))
    monkeypatch.setenv("ACME_ACME_EVENTS_TOKEN", "marker-token-1")
    exported = tenant_export(Tenant.objects.get(slug="acme"))
    assert "schedule:" in exported
    assert "acme: nothing to change" in apply(exported, dry_run=True)


def test_an_applied_schedule_keeps_its_beat_when_it_is_applied_again(apply):
    apply(with_schedule("{every_minutes: 45}"))
    (before,) = schedules()
    apply(with_schedule("{every_minutes: 45}"))
    (after,) = schedules()
    assert (after.anchor, after.next_slot) == (before.anchor, before.next_slot)


def test_a_change_is_shown_value_by_value(apply):
    apply(with_schedule(DAILY))
    shown = apply(with_schedule("{every_minutes: 45, time_zone: Europe/Berlin}"), dry_run=True)
    for line in ("schedule.cron: 30 2 * * * → (none)", "schedule.every_minutes: (none) → 45",
                 "schedule.overlap: queue → skip", "schedule.missed: skip → once"):  # fmt: skip
        assert line in shown
    assert "schedule.time_zone" not in shown


def test_a_schedule_that_the_file_leaves_out_is_taken_away(apply):
    apply(with_schedule(DAILY))
    assert "schedule: cron 30 2 * * *, time_zone Europe/Berlin" in apply(ACME)
    assert schedules() == []


@pytest.mark.parametrize(
    ("schedule", "path", "sentence"),
    [
        ("{}", "schedule", "either “cron” or “every_minutes”"),
        ("{cron: 30 2 * * *, every_minutes: 45}", "schedule", "either “cron” or “every_minutes”"),
        ("{cron: 61 2 * * *}", "schedule.cron", "“minute” cannot be read"),
        ("{cron: 30 2 * *}", "schedule.cron", "five fields"),
        ("{cron: 30 2 * * *, time_zone: Mars/Olympus}", "schedule.time_zone", "no IANA time zone"),
        ("{every_minutes: 0}", "schedule.every_minutes", "from 1 to"),
        ("{every_minutes: often}", "schedule.every_minutes", "whole number"),
        ("{cron: 30 2 * * *, overlap: quene}", "schedule.overlap", "Did you mean “queue”"),
        ("{cron: 30 2 * * *, mised: once}", "schedule", "Did you mean “missed”"),
        ("daily", "schedule", "must be a mapping"),
    ],
)
def test_a_mistake_says_where_and_what(mistakes, schedule, path, sentence):
    (found,) = mistakes(with_schedule(schedule))
    assert found["path"] == f"orchestrations[send].{path}"
    assert sentence in found["message"]
