"""Messages arrive, gathered and signed, at least once, and never in storms."""

import logging
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from orchestrations.alerts import signing
from orchestrations.alerts.choices import ChannelKind, DeliveryStatus, RuleKind
from orchestrations.alerts.models import Channel, Delivery, Notice
from orchestrations.alerts.sending import RETRIES, channel_test, outcome_keep, tenants_watching
from orchestrations.alerts.services import channel_rotate, channel_save
from orchestrations.choices import RunStatus
from tiktok_hub.env import BASE_DIR
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope


def test_email_tells_what_happened_and_what_to_do(world, postbox, settings):
    settings.HUB_PUBLIC_URL = "https://hub.example"
    world.channel(ChannelKind.EMAIL, addresses=["ops@acme.example", "boss@acme.example"])
    run = world.run(selected=10, events=9, rejected=1)
    (delivery,) = world.tick()
    assert delivery.outcome == "The mail server took the message for 2 addresses."
    ((to, message),) = postbox.got
    text = message.get_payload(decode=True).decode()
    assert to == ["ops@acme.example", "boss@acme.example"]
    assert str(delivery.message_id) in message["Message-ID"]
    assert f"Run {run.pk} of “purchases” failed" in text
    assert "TikTok refuses the token. What to do: Open the credential and choose Reauthorize" in text
    assert "10 rows selected, 1 rejected; 0 of 9 accepted by TikTok, 0 refused." in text
    assert text.count("failed") == 1
    assert f"https://hub.example/acme/orchestrations/run/{run.pk}/change/" in text


def test_slack_gets_one_text_with_its_own_signs_escaped(world, receiver, settings):
    settings.HUB_PUBLIC_URL = "https://hub.example"
    world.channel(ChannelKind.SLACK, url=receiver.url)
    run = world.run(orchestration=world.orchestration_add("a <b> & c"))
    world.tick()
    (document,) = receiver.documents
    assert set(document) == {"text"}
    link = (
        f"<https://hub.example/acme/orchestrations/run/{run.pk}/change/|Run {run.pk} of “a &lt;b&gt; &amp; c” failed>"
    )
    assert link in document["text"]


def test_webhook_is_signed_over_id_time_and_body(world, hook, receiver):
    world.run()
    (delivery,) = world.tick()
    (got,) = receiver.got
    secret, timestamp = hook.secret.reveal(), int(got.headers["webhook-timestamp"])
    assert got.headers["webhook-id"] == str(delivery.message_id) == got.document["id"]
    assert got.headers["webhook-signature"] == signing.signature(secret, got.document["id"], timestamp, got.body)
    assert signing.signature(secret, got.document["id"], timestamp + 1, got.body) != got.headers["webhook-signature"]


def test_signature_is_that_of_the_standard():
    # The example of the Standard Webhooks specification's own libraries.
    found = signing.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("change", "genuine"),
    [({}, True), ({"body": b"{}"}, False), ({"seconds": 301}, False), ({"secret": "whsec_AAAA"}, False)],
    ids=["genuine", "another body", "old", "another secret"],
)
def test_receiver_of_the_documentation_takes_what_is_genuine_alone(world, hook, receiver, monkeypatch, change, genuine):
    page = (BASE_DIR / "docs/alerts.md").read_text()
    example: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], example)  # noqa: S102 - our own page
    with tenant_scope(world.tenant):
        channel_test(hook)
    (got,) = receiver.got
    late = time.time() + change.get("seconds", 0)
    monkeypatch.setattr(time, "time", lambda: late)
    body, secret = change.get("body", got.body), change.get("secret", hook.secret.reveal())
    assert example["verified"](secret, got.headers, body) is genuine


def test_rotated_secret_signs_beside_the_one_before(world, hook, receiver):
    with tenant_scope(world.tenant):
        new = channel_rotate(channel=hook)
        old = hook.secret_before.reveal()
        channel_test(hook)
    (got,) = receiver.got
    wanted = [signing.signature(key, got.document["id"], int(got.headers["webhook-timestamp"]), got.body)
              for key in (new, old)]  # fmt: skip
    assert got.headers["webhook-signature"].split() == wanted


def test_document_of_a_webhook_adds_up(world, hook, receiver):
    for number in range(12):
        world.run(orchestration=world.orchestration_add(f"o{number}"))
    world.tick()
    (document,) = receiver.documents
    assert (document["version"], document["total"], document["more"]) == (1, 12, 0)
    assert document["counts"] == {"failed": 12}
    assert len(document["alerts"]) == 12
    assert document["title"] == "Acme Retail: 12 failed runs"


def test_text_lists_ten_and_counts_the_rest(world, receiver):
    world.channel(ChannelKind.SLACK, url=receiver.url)
    for number in range(13):
        world.run(orchestration=world.orchestration_add(f"o{number}"))
    world.tick()
    text = receiver.documents[0]["text"]
    assert text.count("•") == 10
    assert "and 3 more." in text


def test_storm_of_200_failures_gives_a_handful_of_messages_that_count_all(world, hook, other, receiver, settings):
    settings.HUB_ALERT_GAP_SECONDS = 60
    theirs = other.channel(ChannelKind.WEBHOOK, url=f"{receiver.url}/globex")
    for second in range(0, 60, 15):
        for number in range(50):
            world.run(orchestration=world.orchestration_add(f"o{second}-{number}"))
        world.now -= timedelta(seconds=50)
        world.tick(15)
        other.tick()
    for _ in range(8):
        world.tick(15)
    assert 1 <= len(receiver.got) <= 3
    assert sum(document["counts"]["failed"] for document in receiver.documents) == 200
    assert {document["tenant"]["slug"] for document in receiver.documents} == {"acme"}
    with tenant_scope(other.tenant):
        assert not Delivery.objects.filter(channel=theirs).exists()


def test_first_message_is_prompt_and_the_gap_gathers_the_rest(world, hook, receiver):
    world.run()
    world.tick()
    world.run(orchestration=world.orchestration_add("second"))
    world.run(orchestration=world.orchestration_add("third"))
    world.tick(15)
    assert [document["total"] for document in receiver.documents] == [1]
    world.tick(60)
    assert [document["total"] for document in receiver.documents] == [1, 2]


def test_failed_delivery_is_tried_again_with_the_same_id_and_body(world, hook, receiver):
    receiver.answer = (500, {}, b"down")
    world.run()
    (first,) = world.tick()
    assert (first.status, first.code, first.outcome) == (DeliveryStatus.WAITING, 500, "The receiver answered 500.")
    assert world.tick() == []
    receiver.answer = (204, {}, b"")
    (again,) = world.tick(100)
    assert (again.status, again.attempts) == (DeliveryStatus.SENT, 2)
    assert [got.headers["webhook-id"] for got in receiver.got] == [str(first.message_id)] * 2
    assert receiver.got[0].body == receiver.got[1].body


def test_delivery_is_given_up_after_the_last_retry_and_the_channel_says_why(world, hook, receiver):
    receiver.answer = (404, {}, b"no such hook at https://hooks.example/T0/zqhook for ada@acme.example")
    world.run()
    world.tick()
    for wait in RETRIES:
        (delivery,) = world.tick(wait.total_seconds() + 100)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.GIVEN_UP, 1 + len(RETRIES))
    assert delivery.answer == "no such hook at ••• for •••"
    with tenant_scope(world.tenant):
        hook.refresh_from_db()
    assert hook.failures == 1 + len(RETRIES)
    assert hook.problem == "The receiver answered 404: it knows no such address. Check the URL."
    assert world.tick(10_000) == []


def test_worker_that_dies_while_sending_leaves_a_message_that_is_sent_again(world, hook, receiver, monkeypatch):
    world.run()
    with monkeypatch.context() as patch:
        patch.setattr("orchestrations.alerts.sending.outcome_keep", _die)
        with pytest.raises(KeyboardInterrupt):
            world.tick()
    assert world.tick(30) == []
    (delivery,) = world.tick(200)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.SENT, 2)
    assert [UUID(got.headers["webhook-id"]) for got in receiver.got] == [delivery.message_id] * 2
    with tenant_scope(world.tenant):
        assert Notice.objects.count() == 1


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_late_worker_does_not_overwrite_what_another_wrote(world, hook, receiver, monkeypatch):
    receiver.answer = (500, {}, b"")
    world.run()
    kept: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr("orchestrations.alerts.sending.outcome_keep", lambda *told: kept.append(told))
        world.tick()
    receiver.answer = (200, {}, b"")
    (delivery,) = world.tick(150)
    with tenant_scope(world.tenant):
        outcome_keep(*kept[0])
        delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.SENT


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://127.0.0.1/x", "private network or reserved"),
        ("https://169.254.169.254/latest/meta-data/", "private network or reserved"),
        ("https://[::1]/x", "private network or reserved"),
        ("http://hooks.example/x", "must begin with https://"),
    ],
)
def test_channel_does_not_reach_into_private_networks(world, url, sentence):
    channel = world.channel(ChannelKind.SLACK, url=url)
    with tenant_scope(world.tenant):
        delivery = channel_test(channel)
    assert delivery.status == DeliveryStatus.GIVEN_UP
    assert sentence in delivery.outcome


def test_log_says_nothing_of_a_webhooks_path(world, hook, receiver, caplog):
    caplog.set_level(logging.DEBUG)
    world.run()
    world.tick()
    assert len(receiver.got) == 1
    assert "zqhook-secret-path" not in caplog.text


def test_redirects_are_not_followed(world, hook, receiver):
    receiver.answer = (302, {"Location": f"{receiver.url}/elsewhere"}, b"")
    world.run()
    (delivery,) = world.tick()
    assert (delivery.status, delivery.code, len(receiver.got)) == (DeliveryStatus.WAITING, 302, 1)


def test_email_without_a_mail_server_says_so(world):
    channel = world.channel(ChannelKind.EMAIL, addresses=["ops@acme.example"])
    with tenant_scope(world.tenant):
        delivery = channel_test(channel)
    assert "its operator has to set EMAIL_URL" in delivery.outcome


def test_test_message_is_marked_and_waits_for_nothing(world, hook, receiver):
    world.run()
    world.tick()
    with tenant_scope(world.tenant):
        delivery = channel_test(hook)
    assert (delivery.status, delivery.code) == (DeliveryStatus.SENT, 200)
    assert receiver.documents[-1]["test"] is True


def test_channel_that_is_switched_off_is_told_nothing_later_either(world, hook, receiver):
    world.run()
    world.tick()
    world.run(orchestration=world.orchestration_add("second"))
    world.look()
    with tenant_scope(world.tenant):
        hook.refresh_from_db()
        hook.enabled = False
        channel_save(channel=hook)
        hook.enabled = True
        channel_save(channel=hook)
    world.tick(100)
    assert [document["total"] for document in receiver.documents] == [1]


def test_nothing_leaves_a_sandbox(world, hook, receiver, other):
    Tenant.objects.filter(pk=world.tenant.pk).update(sandbox_of=other.tenant)
    world.run()
    assert world.tick() == []
    assert world.tenant.pk not in tenants_watching()
    assert receiver.got == []


def test_tenants_without_rules_are_not_looked_at(world, other, hook):
    assert tenants_watching() == [world.tenant.pk]


def test_recovery_is_told_to_the_channel_that_heard_the_trouble(world, hook, headlines):
    run = world.run()
    world.tick()
    good = world.run(RunStatus.SUCCEEDED)
    world.tick(60)
    assert headlines() == [
        f"trouble: Run {run.pk} of “purchases” failed",
        f"recovery: “purchases” is well again: run {good.pk} succeeded",
    ]


def test_first_channel_brings_the_rules_that_are_ticked(world):
    channel = world.channel(ChannelKind.EMAIL, kinds=("failed", "rejected"), addresses=["ops@acme.example"])
    with tenant_scope(world.tenant):
        rules = {rule.kind: rule.percent for rule in channel.rules.all()}
        assert rules == {RuleKind.FAILED: None, RuleKind.REJECTED: 5}
        channel_save(channel=Channel.objects.get(), kinds=("failed",))
        assert [rule.kind for rule in channel.rules.all()] == [RuleKind.FAILED]
