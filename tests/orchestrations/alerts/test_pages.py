"""The pages: forms that keep what was typed, secrets that are shown once, tests, and what a sandbox says."""

import re

import pytest

from orchestrations.alerts.choices import RuleKind
from orchestrations.alerts.models import Channel, Incident, Rule
from tests.conftest import person
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

CHANNELS, RULES = "/acme/alerts/channel/", "/acme/alerts/rule/"
SECRET = re.compile(r"whsec_[\w+/=]+")


@pytest.fixture
def browser(world, ada, client_of):
    """Ada's browser."""
    return client_of(ada)


def fields(**typed: object) -> dict[str, object]:
    """Return a filled-in form of a channel."""
    return {
        "name": "Ops",
        "kind": "email",
        "addresses": "ops@acme.example",
        "tells": ["failed"],
        "enabled": "on",
        **typed,
    }


def test_first_channel_brings_its_rules_and_goes_to_its_page(world, browser):
    answer = browser.post(f"{CHANNELS}add/", fields(tells=["failed", "rows"]))
    with tenant_scope(world.tenant):
        channel = Channel.objects.get()
        assert sorted(rule.kind for rule in channel.rules.all()) == ["failed", "rows"]
    assert answer.url.endswith(f"{channel.pk}/change/")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"addresses": ""}, "Enter at least one address."),
        ({"addresses": "ops@acme.example; nobody"}, "“nobody” is no e-mail address."),
        ({"kind": "slack"}, "Enter the URL of the webhook."),
        ({"kind": "webhook", "webhook_url": "https://169.254.169.254/x"}, "inside a private network"),
        ({"kind": "webhook", "webhook_url": "http://hooks.example/x"}, "must begin with https://"),
    ],
    ids=["no address", "bad address", "no url", "private url", "plain url"],
)
def test_channel_form_says_what_is_wrong_and_keeps_what_was_typed(browser, world, typed, sentence):
    page = browser.post(f"{CHANNELS}add/", fields(**typed)).content.decode()
    assert sentence in page
    assert 'value="Ops"' in page
    assert str(typed.get("webhook_url") or typed.get("addresses", "ops@acme.example")) in page
    with tenant_scope(world.tenant):
        assert not Channel.objects.exists()


def test_no_page_shows_a_webhooks_url_or_secret_again(browser, world, receiver):
    made = browser.post(f"{CHANNELS}add/", fields(kind="webhook", webhook_url=receiver.url)).content.decode()
    with tenant_scope(world.tenant):
        channel = Channel.objects.get()
        secret = channel.secret.reveal()
    assert SECRET.findall(made) == [secret]
    rotated = browser.post(f"{CHANNELS}{channel.pk}/rotate/").content.decode()
    (new,) = SECRET.findall(rotated)
    browser.post(f"{CHANNELS}{channel.pk}/test/")
    own = [f"{CHANNELS}{channel.pk}/{page}" for page in ("change/", "history/", "delete/")]
    pages = "".join(browser.get(path).content.decode() for path in (CHANNELS, *own, "/acme/alerts/delivery/"))
    assert not {"zqhook-secret-path", secret, new} & set(re.findall(r"zqhook-secret-path|whsec_[\w+/=]+", pages))
    assert "http://127.0.0.1" in pages
    with tenant_scope(world.tenant):
        log = str(list(Entry.objects.values_list("object_name", "changes")))
    assert "•••" in log
    assert not {"zqhook-secret-path", secret, new} & set(re.findall(r"zqhook-secret-path|whsec_[\w+/=]+", log))


def test_empty_url_keeps_the_present_one(browser, world, hook, receiver):
    browser.post(f"{CHANNELS}{hook.pk}/change/", {"name": "Renamed", "tells": ["failed"], "enabled": "on"})
    with tenant_scope(world.tenant):
        channel = Channel.objects.get()
        assert (channel.name, channel.url.reveal()) == ("Renamed", receiver.url)
        assert [rule.kind for rule in channel.rules.all()] == ["failed"]


def test_test_button_says_how_it_went(browser, hook, receiver):
    receiver.answer = (403, {}, b"go away")
    page = browser.post(f"{CHANNELS}{hook.pk}/test/", follow=True).content.decode()
    assert "The test message was not sent. The receiver answered 403: it refuses. Check the URL." in page
    receiver.answer = (200, {}, b"ok")
    page = browser.post(f"{CHANNELS}{hook.pk}/test/", follow=True).content.decode()
    assert "The test message was sent. The receiver took the message. HTTP status 200." in page


def test_second_rule_of_a_kind_is_refused(browser, world, hook):
    page = browser.post(f"{RULES}add/", {"kind": "failed", "every": "10", "enabled": "on"}).content.decode()
    assert "The tenant has a rule of this kind already. Change that one." in page


def test_orchestrations_own_rule_is_made_and_shown(browser, world, hook):
    typed = {"kind": "rejected", "orchestration": world.orchestration.pk, "percent": "3", "every": "4",
             "channels": [hook.pk], "enabled": "on"}  # fmt: skip
    browser.post(f"{RULES}add/", typed)
    with tenant_scope(world.tenant):
        rule = Rule.objects.get(orchestration=world.orchestration)
        assert (rule.percent, rule.every, rule.recovery) == (3, 4, False)
        assert list(rule.channels.all()) == [hook]
    page = browser.get(RULES).content.decode()
    assert "3 %" in page
    assert "purchases" in page


def test_incident_page_says_what_happened_and_who_was_told(browser, world, hook):
    run = world.run()
    world.tick()
    with tenant_scope(world.tenant):
        incident = Incident.objects.get()
    page = browser.get(f"/acme/alerts/incident/{incident.pk}/change/").content.decode()
    assert f"Run {run.pk} of “purchases” failed" in page
    assert f"/acme/orchestrations/run/{run.pk}/change/" in page
    assert "webhook-1" in page


def test_deleted_channel_takes_its_deliveries_with_it(browser, world, hook):
    world.run()
    world.tick()
    browser.post(f"{CHANNELS}{hook.pk}/delete/", {"post": "yes"})
    with tenant_scope(world.tenant):
        assert not Channel.objects.exists()
        assert Incident.objects.count() == 1


def test_sandbox_says_that_nothing_leaves_it(browser, world, other, hook, receiver):
    Tenant.objects.filter(pk=world.tenant.pk).update(sandbox_of=other.tenant)
    assert "No alerts leave a sandbox." in browser.get(f"{CHANNELS}{hook.pk}/change/").content.decode()
    assert "No alerts leave a sandbox." in browser.get(CHANNELS).content.decode()
    browser.post(f"{CHANNELS}{hook.pk}/test/")
    assert receiver.got == []


def test_restricted_operator_sees_nothing_of_closed_destinations(world, hook, client_of):
    world.rule(RuleKind.FAILED, hook, orchestration=world.orchestration)
    world.run()
    world.tick()
    restricted = client_of(person(world.tenant, "walker@acme.example", Policy.OPERATOR, restrict_pii=True))
    pages = "".join(restricted.get(path).content.decode() for path in (RULES, "/acme/alerts/incident/", f"{RULES}add/"))
    assert "purchases" not in pages
