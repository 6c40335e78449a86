"""Alert channels and rules in configuration files: in, out and back, and what is wrong with them."""

import pytest

from orchestrations.alerts.models import Channel, Rule
from tests.tiktok_hub.configuration.conftest import ACME
from tiktok_hub.configuration import tenant_export
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ALERTS = """\
alert_channels:
  - {name: ops, kind: email, addresses: [ops@acme.example]}
  - {name: tickets, kind: webhook, url: "${HOOK}"}
alert_rules:
  - {rule: failed, channels: [ops, tickets], every: 5}
  - {rule: rejected/send, channels: [ops], percent: 2, recovery: false}
  - {rule: rows}
"""
HOOK = "https://8.8.8.8/marker-hook"


@pytest.fixture(autouse=True)
def _hook(monkeypatch):
    monkeypatch.setenv("HOOK", HOOK)


def test_channels_and_rules_are_set(apply):
    apply(ACME + ALERTS)
    with tenant_scope(Tenant.objects.get(slug="acme")):
        tickets = Channel.objects.get(name="tickets")
        rules = {str(rule): rule for rule in Rule.objects.select_related("orchestration")}
        told = [str(channel) for channel in rules["Run failed · all orchestrations"].channels.all()]
    assert tickets.url.reveal() == HOOK
    assert tickets.secret.reveal().startswith("whsec_")
    assert told == ["ops", "tickets"]
    assert rules["Unusual number of rows · all orchestrations"].percent == 50
    own = rules["Too many rows rejected · send"]
    assert (own.percent, own.every, own.recovery) == (2, 10, False)


def test_alerts_come_out_without_secrets_and_back_without_a_difference(apply, monkeypatch):
    apply(ACME + ALERTS)
    tenant = Tenant.objects.get(slug="acme")
    with tenant_scope(tenant):
        secret = Channel.objects.get(name="tickets").secret.reveal()
    exported = tenant_export(tenant)
    assert HOOK not in exported
    assert secret not in exported
    for name, value in (("URL", HOOK), ("SECRET", secret)):
        monkeypatch.setenv(f"ACME_TICKETS_{name}", value)
    monkeypatch.setenv("ACME_ACME_EVENTS_TOKEN", "marker-token-1")
    assert "acme: nothing to change" in apply(exported, dry_run=True)
    assert "acme: nothing to change" in apply(ACME + ALERTS, dry_run=True)


@pytest.mark.parametrize(
    ("entry", "path", "sentence"),
    [
        ("alert_channels: [{name: a, kind: email}]", "alert_channels[a].addresses", "Enter at least one address."),
        ("alert_channels: [{name: a, kind: email, addresses: [x]}]", "alert_channels[a].addresses", "“x” is no e-mail"),
        ("alert_channels: [{name: a, kind: slack}]", "alert_channels[a].url", "Enter the URL of the webhook."),
        ("alert_channels: [{name: a, kind: slack, url: 'https://10.0.0.1/x'}]", "alert_channels[a].url", "private"),
        (
            "alert_channels: [{name: a, kind: webhook, url: 'https://8.8.8.8/', secret: short}]",
            "alert_channels[a].secret", "This is no signing secret",
        ),
        ("alert_rules: [{rule: fails}]", "alert_rules[fails].rule", "“fails” is none of"),
        ("alert_rules: [{rule: failed/nothing}]", "alert_rules[failed/nothing].rule", "There is no orchestration"),
        ("alert_rules: [{rule: credential/send}]", "alert_rules[credential/send].rule", "belong to no orchestration"),
        ("alert_rules: [{rule: failed, channels: [x]}]", "alert_rules[failed].channels", "no alert channel “x”"),
        ("alert_rules: [{rule: failed, every: 0}]", "alert_rules[failed].every", "greater than or equal to 1"),
        ("alert_rules: [{rule: rows, percent: 1e9}]", "alert_rules[rows].percent", "must be a text"),
    ],
)  # fmt: skip
def test_mistakes_are_told_where_they_stand(mistakes, entry, path, sentence):
    (found,) = mistakes(f"{ACME}{entry}\n")
    assert found["path"] == path
    assert sentence in found["message"]
