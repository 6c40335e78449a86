"""A tenant whose runs end as tests say, and receivers that keep what they are told."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.alerts.choices import ChannelKind, RuleKind
from orchestrations.alerts.incidents import tenant_look
from orchestrations.alerts.models import Channel, Delivery, Rule
from orchestrations.alerts.sending import channel_send, channels_due
from orchestrations.alerts.services import channel_save, rule_save
from orchestrations.choices import QueryStatus, RunStage, RunStatus
from orchestrations.models import Orchestration, Query, Run
from tests.orchestrations.alerts.receivers import Postbox, Receiver, postbox_running, receiver_running
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

ERROR = {"class": "CredentialError", "sentence": "TikTok refuses the token.", "resolution": "invalid_credentials"}


class World:
    """A tenant: `run` ends a run of an orchestration, `tick` does what beat and workers do once."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        # Ahead of the clock by which rules are made, however slow the machine is.
        self.now = timezone.now() + timedelta(hours=1)
        with tenant_scope(tenant):
            self.credential = Credential.objects.create(
                tenant=tenant, name="events", access_token="t", status=CredentialStatus.AUTHORISED
            )
            self.destination = Destination.objects.create(
                tenant=tenant, name="store", plugin="tiktok-ads-events", credential=self.credential
            )
            self.query = Query.objects.create(tenant=tenant, name="q", sql="SELECT 1", status=QueryStatus.ACTIVE)
        self.orchestration = self.orchestration_add("purchases")

    def orchestration_add(self, name: str) -> Orchestration:
        """Add an orchestration."""
        with tenant_scope(self.tenant):
            return Orchestration.objects.create(
                tenant=self.tenant, name=name, query=self.query, destination=self.destination
            )

    def channel(self, kind: str, kinds: tuple[str, ...] = tuple(RuleKind.values), **fields: Any) -> Channel:
        """Add a channel that these rules of the tenant tell."""
        channel = Channel(tenant=self.tenant, name=f"{kind}-{len(fields)}", kind=kind, **fields)
        with tenant_scope(self.tenant):
            channel_save(channel=channel, kinds=kinds)
            channel.refresh_from_db()
        return channel

    def rule(self, kind: RuleKind, channel: Channel | None, **fields: Any) -> Rule:
        """Add a rule, or change the tenant's own of the kind."""
        with tenant_scope(self.tenant):
            own = fields.get("orchestration")
            rule = Rule.objects.filter(kind=kind, orchestration=own).first() or Rule(tenant=self.tenant, kind=kind)
            for name, value in fields.items():
                setattr(rule, name, value)
            rule_save(rule=rule, channels=[channel] if channel else [])
        return rule

    def run(self, status: str = RunStatus.FAILED, orchestration: Orchestration | None = None, **fields: Any) -> Run:
        """Let a run end, or be held, a second after what happened last."""
        self.later(1)
        at: dict[str, Any] = {"finished_at": self.now, "stage": RunStage.FINISHED}
        if status == RunStatus.HELD:
            at = {"prepared_at": self.now, "stage": RunStage.DELIVERING, "hold": {"sentence": "Nobody is left."}}
        with tenant_scope(self.tenant):
            return Run.objects.create(
                tenant=self.tenant, orchestration=orchestration or self.orchestration, credential=self.credential,
                **{"status": status, "error": ERROR if status == RunStatus.FAILED else {}, **at, **fields},
            )  # fmt: skip

    def later(self, seconds: float) -> datetime:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def look(self) -> int:
        """Look at what happened."""
        with tenant_scope(self.tenant):
            return tenant_look(self.now)

    def send(self) -> list[Delivery]:
        """Send what is due."""
        with tenant_scope(self.tenant):
            sent = [channel_send(channel_id, self.now) for channel_id in channels_due(self.now)]
            return [delivery for delivery in sent if delivery is not None]

    def tick(self, seconds: float = 0) -> list[Delivery]:
        """Do what beat and workers do, some time later."""
        self.later(seconds)
        self.look()
        return self.send()


@pytest.fixture
def world(acme) -> World:
    """Acme, whose things happen as the test says."""
    return World(acme)


@pytest.fixture
def other(globex) -> World:
    """Globex, who is told nothing of Acme."""
    return World(globex)


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    """A web server that takes alerts, and may be reached."""
    settings.HUB_ALLOW_PRIVATE_URLS = True
    with receiver_running() as running:
        yield running


@pytest.fixture
def postbox(settings) -> Iterator[Postbox]:
    """A mail server that the hub is set to."""
    with postbox_running() as running:
        settings.EMAIL_URL = running.url
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        host, _, port = running.url.removeprefix("smtp://").partition(":")
        settings.EMAIL_HOST, settings.EMAIL_PORT = host, int(port)
        yield running


@pytest.fixture
def hook(world, receiver) -> Channel:
    """A signed webhook of Acme's that every rule tells."""
    return world.channel(ChannelKind.WEBHOOK, url=receiver.url)


@pytest.fixture
def headlines(receiver) -> Callable[[], list[str]]:
    """Return what the receiver was told: event and headline, in order."""
    return lambda: [
        f"{alert['event']}: {alert['headline']}" for document in receiver.documents for alert in document["alerts"]
    ]
