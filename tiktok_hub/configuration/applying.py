"""Carry plans out: one transaction over all tenants, so that a failure leaves everything as it was."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from destinations.services.usage import credential_delete, destination_delete
from orchestrations.alerts.models import Channel, Rule
from orchestrations.alerts.services import channel_save, rule_save
from orchestrations.datasets import dataset_delete, dataset_store
from orchestrations.groups.services import group_delete, group_members_set
from orchestrations.models import Dataset, Orchestration, OrchestrationGroup, Query, Schedule, Stream
from orchestrations.queries import query_delete
from orchestrations.removing import orchestration_delete
from orchestrations.schedules.timetables import Scheduled, Wish, circles_refuse, schedule_save
from orchestrations.streams.services import stream_delete, stream_fill, stream_save
from tiktok_hub.configuration.checking import Plan
from tiktok_hub.configuration.differ import Change
from tiktok_hub.configuration.problems import ConfigurationInvalidError, Problem
from tiktok_hub.configuration.state import settings_revealed
from tiktok_hub.crypto import Secret
from tiktok_hub.tenancy.administration import administrator_first, administrators, administrators_lock
from tiktok_hub.tenancy.choices import Option
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

LAST = "Nobody would be left who administers the tenant: keep a Datagrid Administrator who is active."


def plans_apply(
    plans: Iterable[Plan], *, user: User | None = None, then: Callable[[], object] = lambda: None
) -> None:  # fmt: skip
    """Bring the database to what the plans want; files that were stored for nothing are removed again.

    Schedules run in the name of `user`, or of the tenant's first administrator. `then` is done at the end of the same
    transaction, for what goes with the changes or not at all. Raise ValidationError or InUseError
    where something that is to be removed is in use.
    """
    stored: list[str] = []
    try:
        with transaction.atomic():
            for plan in plans:
                Applier(plan, stored, user).apply()
            then()
    except BaseException:
        for path in stored:
            default_storage.delete(path)
        raise


class Applier:
    """Apply one tenant's plan; `stored` collects the storage keys of files written on the way."""

    def __init__(self, plan: Plan, stored: list[str], user: User | None = None) -> None:
        self.plan = plan
        self.stored = stored
        self.user = user
        self.schedules: list[tuple[Scheduled, dict[str, Any] | None]] = []
        self.writers = {
            "users": self._user,
            "credentials": self._credential,
            "datasets": self._dataset,
            "queries": self._query,
            "destinations": self._destination,
            "orchestrations": self._orchestration,
            "streams": self._stream,
            "groups": self._group,
            "alert_channels": self._channel,
            "alert_rules": self._rule,
        }

    def apply(self) -> None:
        """Write every change, in the order in which things refer to each other."""
        plan = self.plan
        self.tenant = plan.tenant or Tenant(slug=plan.slug)
        if plan.difference.change("tenant", plan.slug):
            for name, value in plan.wanted["tenant"][plan.slug].items():
                setattr(self.tenant, name, value)
            # A new tenant cannot be opened yet: that it is made is the hub's own work.
            with tenant_scope(self.tenant) if self.tenant.pk else hub_scope():
                self.tenant.save()
        with tenant_scope(self.tenant):
            administrators_lock(self.tenant)
            administered = administrators().exists()
            for change in plan.difference.changes:
                if not change.removed and change.section in self.writers:
                    self.writers[change.section](change, dict(plan.wanted[change.section][change.name]))
            self._schedules_set()
            items_remove(plan.difference.removed)
            if administered and not administrators().exists():
                raise ConfigurationInvalidError([Problem(plan.document.tenant.place, "users", LAST)])
            self._columns_refresh()

    def _user(self, change: Change, fields: dict[str, Any]) -> None:
        """Make the person where they are new to the hub, and their membership of the tenant."""
        user = User.objects.filter(email=change.name).first() or User.objects.create_user(change.name)
        if "name" in fields:
            user.name = fields["name"]
        if "password" in fields:
            user.set_password(fields["password"].reveal())
        user.save()
        Membership.objects.update_or_create(
            tenant=self.tenant,
            user=user,
            defaults={name: fields[name] for name in ("policy", *(option.value for option in Option))},
        )

    def _credential(self, change: Change, fields: dict[str, Any]) -> None:
        """Store a credential; a new token counts as good until TikTok says otherwise, with the next check or run."""
        row = Credential.objects.filter(name=change.name).first() or Credential(tenant=self.tenant, name=change.name)
        row.description, row.type = fields["description"], fields["type"]
        token: Secret | None = fields.get("access_token")
        if token is not None and change.touches("access_token"):
            row.access_token = token
            row.pasted, row.status, row.problem = True, CredentialStatus.AUTHORISED, ""
            row.scopes, row.advertisers = [], []
            row.authorised_by, row.authorised_at, row.checked_at = "configuration file", timezone.now(), None
        row.save()

    def _dataset(self, change: Change, fields: dict[str, Any]) -> None:
        """Store a dataset, with new content where its file has changed."""
        row = Dataset.objects.filter(name=change.name).first() or Dataset(tenant=self.tenant, name=change.name)
        row.description, row.filename = fields["description"], fields["file"]
        if change.name in self.plan.staged:
            staged = self.plan.staged[change.name]
            self.stored.append(dataset_store(dataset=row, staged=staged, digest=fields["sha256"]))
        if "pii" in fields:
            row.columns = [{**column, "pii": column["name"] in fields["pii"]} for column in row.columns]
        row.save()

    def _query(self, change: Change, fields: dict[str, Any]) -> None:
        row = Query.objects.filter(name=change.name).first() or Query(tenant=self.tenant, name=change.name)
        row.columns = self.plan.columns.get(change.name, row.columns)
        _store(row, fields)

    def _destination(self, change: Change, fields: dict[str, Any]) -> None:
        """Store a destination; a connection test of other settings says nothing about the new ones."""
        row = Destination.objects.filter(name=change.name).first() or Destination(tenant=self.tenant, name=change.name)
        fields["credential"] = Credential.objects.get(name=fields["credential"])
        fields["settings"] = settings_revealed(fields["settings"])
        if change.touches("credential", "plugin", "settings"):
            row.checks, row.checked_at = [], None
        _store(row, fields)

    def _orchestration(self, change: Change, fields: dict[str, Any]) -> None:
        row = Orchestration.objects.filter(name=change.name).first()
        fields["query"] = Query.objects.get(name=fields["query"])
        fields["destination"] = Destination.objects.get(name=fields["destination"])
        fields["settings"] = settings_revealed(fields["settings"])
        schedule, guard = fields.pop("schedule"), fields.pop("guard")
        if guard is not None:
            fields["max_removal_percent"], fields["when_deleted"] = (
                guard["max_removal_percent"],
                guard["audience_deleted"],
            )
        row = row or Orchestration(tenant=self.tenant, name=change.name)
        _store(row, fields)
        if change.touches("schedule"):
            self.schedules.append((row, schedule))

    def _stream(self, change: Change, fields: dict[str, Any]) -> None:
        row = Stream.objects.select_related("orchestration").filter(orchestration__name=change.name).first()
        row = row or Stream(tenant=self.tenant, orchestration=Orchestration(tenant=self.tenant, created_by=self.user))
        fields["destination"] = Destination.objects.get(name=fields["destination"])
        fields["settings"] = settings_revealed(fields["settings"])
        stream_fill(row, name=change.name, **fields)
        stream_save(row)

    def _group(self, change: Change, fields: dict[str, Any]) -> None:
        row = OrchestrationGroup.objects.filter(name=change.name).first()
        row = row or OrchestrationGroup(tenant=self.tenant, name=change.name)
        schedule, members = fields.pop("schedule"), fields.pop("members")
        _store(row, fields)
        known = {each.name: each for each in Orchestration.objects.filter(name__in=members)}
        group_members_set(group=row, members=[known[name] for name in members], circles=True)
        if change.touches("schedule"):
            self.schedules.append((row, schedule))

    def _schedules_set(self) -> None:
        """Set schedules when all that they start and follow is there, and see that nothing starts itself."""
        for row, schedule in self.schedules:
            wish = None
            if schedule is not None:
                name = schedule.get("after")
                after = {"after": Orchestration.objects.get(name=name)} if name else {}
                wish = Wish(**{**schedule, **after})
            schedule_save(orchestration=row, wish=wish, user=self.user or self._somebody(), circles=True)
        if self.plan.difference.touches("orchestrations", "groups"):
            circles_refuse()

    def _channel(self, change: Change, fields: dict[str, Any]) -> None:
        row = Channel.objects.filter(name=change.name).first() or Channel(tenant=self.tenant, name=change.name)
        for name, value in fields.items():
            setattr(row, name, value)
        channel_save(channel=row)

    def _rule(self, change: Change, fields: dict[str, Any]) -> None:
        kind, _, name = change.name.partition("/")
        own = Orchestration.objects.get(name=name) if name else None
        row = Rule.objects.filter(kind=kind, orchestration=own).first()
        row = row or Rule(tenant=self.tenant, kind=kind, orchestration=own)
        channels = list(Channel.objects.filter(name__in=fields.pop("channels")))
        for key, value in fields.items():
            setattr(row, key, value)
        rule_save(rule=row, channels=channels)

    def _somebody(self) -> User | None:
        """Return in whose name schedules of a file run: the tenant's first administrator, as for commands."""
        first = administrator_first()
        return first.user if first else None

    def _columns_refresh(self) -> None:
        """Note what queries return now: a dataset may have changed under a query that has not."""
        for row in Query.objects.filter(name__in=self.plan.columns):
            if row.columns != self.plan.columns[row.name]:
                row.columns = self.plan.columns[row.name]
                row.save(update_fields=["columns"])


def items_remove(changes: Iterable[Change]) -> None:
    """Delete what changes say to remove; what follows another goes together with it, in whichever order."""
    gone = list(changes)
    names = [change.name for change in gone if change.section == "orchestrations"]
    Schedule.objects.filter(orchestration__name__in=names).delete()
    for change in gone:
        item_remove(change)


def item_remove(change: Change) -> None:
    """Delete what a change says to remove from the opened tenant, as its own pages would: never what is in use."""
    if change.section == "groups":
        group_delete(group=OrchestrationGroup.objects.get(name=change.name))
    elif change.section == "orchestrations":
        orchestration_delete(orchestration=Orchestration.objects.get(name=change.name))
    elif change.section == "streams":
        stream_delete(stream=Stream.objects.get(orchestration__name=change.name))
    elif change.section == "destinations":
        destination_delete(destination=Destination.objects.get(name=change.name))
    elif change.section == "credentials":
        credential_delete(credential=Credential.objects.get(name=change.name))
    elif change.section == "datasets":
        dataset_delete(dataset=Dataset.objects.get(name=change.name))
    elif change.section == "queries":
        query_delete(query=Query.objects.get(name=change.name))


def _store(row: Query | Destination | Orchestration | OrchestrationGroup, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
