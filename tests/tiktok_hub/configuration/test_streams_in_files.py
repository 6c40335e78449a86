"""Streams in configuration files: in, out and back, and what is wrong with them."""

import pytest

from orchestrations.models import Orchestration, Stream, WriteKey
from orchestrations.streams.services import key_make
from tests.tiktok_hub.configuration.conftest import ACME
from tiktok_hub.configuration import tenant_export
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

EVENT_SET = 'settings: {event_source_id: "7654321098765432100"}'
STREAM = f"""streams:
  - name: shop
    destination: store
    {EVENT_SET}
    max_age_seconds: 5
    allowed_origins: [https://shop.example]
"""


def stored() -> Stream:
    with tenant_scope(Tenant.objects.get(slug="acme")):
        return Stream.objects.select_related("orchestration__destination").get()


def test_a_stream_is_made_with_the_usual_thresholds(apply):
    apply(ACME + STREAM)
    made = stored()
    assert (str(made), str(made.orchestration.destination), made.orchestration.query_id) == ("shop", "store", None)
    assert (made.max_events, made.max_age_seconds, made.allowed_origins) == (50, 5, ["https://shop.example"])


def test_a_stream_comes_out_and_back_without_a_difference_and_without_its_keys(apply, monkeypatch):
    apply(ACME + STREAM)
    with tenant_scope(stored().tenant):
        _, text = key_make(stream=stored(), name="server", user=None)
    exported = tenant_export(stored().tenant)
    assert "max_age_seconds: 5" in exported
    assert [word for word in (text, "server", stored().public_id) if word in exported] == []
    monkeypatch.setenv("ACME_ACME_EVENTS_TOKEN", "marker-token-1")
    assert "acme: nothing to change" in apply(exported, dry_run=True)


def test_a_changed_stream_keeps_its_address_and_its_keys(apply):
    apply(ACME + STREAM)
    before = stored().public_id
    with tenant_scope(stored().tenant):
        key_make(stream=stored(), name="server", user=None)
    assert "max_age_seconds: 5 → 9" in apply(ACME + STREAM.replace("seconds: 5", "seconds: 9"))
    assert (stored().public_id, stored().max_age_seconds) == (before, 9)
    with tenant_scope(stored().tenant):
        assert WriteKey.objects.exists()


@pytest.mark.parametrize(
    ("old", "new", "path", "sentence"),
    [
        ("seconds: 5", "seconds: 0", "streams[shop].max_age_seconds", "greater than or equal to 1"),
        ("seconds: 5", "seconds: soon", "streams[shop].max_age_seconds", "integer"),
        ("https://shop.example", "shop.example", "streams[shop].allowed_origins", "is no origin"),
        ("allowed_origins", "other_sources", "streams[shop].other_sources", "15 to 20 digits"),
        ("name: shop", "name: send", "streams[send].name", "already"),
        (EVENT_SET, "settings: {}", "streams[shop].settings.event_source_id", "required"),
        ("destination: store", "destination: stor", "streams[shop].destination", "Did you mean"),
        ("name: shop", f"name: {'x' * 121}", f"streams[{'x' * 60}].name", "120"),
    ],
    ids=["age", "no number", "origin", "source", "taken", "incomplete", "unknown", "long"],
)
def test_what_is_wrong_with_a_stream_is_said_where_it_stands(mistakes, old, new, path, sentence):
    (found,) = mistakes(ACME + STREAM.replace(old, new))
    assert found["path"] == path
    assert sentence in found["message"]


def test_an_orchestration_may_not_take_the_name_of_a_stream(apply, mistakes):
    apply(ACME + STREAM)
    (found,) = mistakes(ACME.replace("name: send", "name: shop"))
    assert found["path"] == "orchestrations[shop].name"


def test_a_rule_may_watch_a_stream(apply):
    apply(f"{ACME}{STREAM}alert_channels:\n  - {{name: mail, kind: email, addresses: [a@acme.example]}}\n"
          "alert_rules:\n  - {rule: failed/shop, channels: [mail]}\n")  # fmt: skip
    with tenant_scope(stored().tenant):
        assert Orchestration.objects.get(name="shop").stream == stored()
