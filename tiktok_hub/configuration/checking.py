"""Check documents against the database, the plugins and the files; give a plan for each, or every problem at once.

Nothing is changed and nothing is asked of TikTok: configuration can be checked on a machine without a network.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from destinations import specs
from destinations.models import Credential, Destination
from destinations.specs.base import SettingRequired, SettingsError, Spec
from orchestrations.alerts.models import Channel, Rule
from orchestrations.choices import QueryStatus
from orchestrations.datasets import Staged
from orchestrations.models import Dataset, Orchestration, OrchestrationGroup, Query, Stream
from orchestrations.runs.spool import workdir
from tiktok_hub.configuration.alerts import channel_read, rule_read
from tiktok_hub.configuration.audiences import audience_conflicts, following_read
from tiktok_hub.configuration.differ import Difference, difference
from tiktok_hub.configuration.problems import ConfigurationInvalidError, Problem, did_you_mean
from tiktok_hub.configuration.reading import Document, Item, documents_read
from tiktok_hub.configuration.schema import BY_NAME, SECTIONS, Kind
from tiktok_hub.configuration.starting import schedule_read, starting_problems
from tiktok_hub.configuration.state import Items, settings_hidden, settings_revealed, tenant_state
from tiktok_hub.configuration.streams import TAKEN, stream_read
from tiktok_hub.configuration.tables import (
    Columns,
    file_fields,
    pii_check,
    queries_describe,
    staged_file,
    tables_of,
)
from tiktok_hub.crypto import Secret
from tiktok_hub.tenancy.models import Tenant, User
from tiktok_hub.tenancy.scope import tenant_scope

MODELS: dict[str, type[models.Model]] = {
    "tenant": Tenant,
    "users": User,
    "credentials": Credential,
    "datasets": Dataset,
    "queries": Query,
    "destinations": Destination,
    "orchestrations": Orchestration,
    "streams": Stream,
    "groups": OrchestrationGroup,
    "alert_channels": Channel,
    "alert_rules": Rule,
}


@dataclass
class Plan:
    """What is to be done for one tenant: `difference` says what, `wanted` holds the values.

    `staged` are the imported files of new and changed datasets, `columns` what the queries return, `notes` what
    deserves a look and hinders nothing.
    """

    document: Document
    tenant: Tenant | None
    present: dict[str, Items]
    wanted: dict[str, Items] = field(default_factory=dict)
    difference: Difference = field(default_factory=lambda: difference({}, {}))
    staged: dict[str, Staged] = field(default_factory=dict)
    columns: dict[str, Columns] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """Return the tenant's short name."""
        return self.document.tenant.name

    def fields(self, section: str, name: str) -> dict[str, Any] | None:
        """Return what an item will be: what the tenant has, with what the document says over it."""
        present, wanted = self.present.get(section, {}).get(name), self.wanted.get(section, {}).get(name)
        return None if present is None and wanted is None else {**(present or {}), **(wanted or {})}

    def names(self, section: str) -> list[str]:
        """Return the names that a reference may use."""
        return [*self.wanted.get(section, {}), *self.present.get(section, {})]


@contextmanager
def plans_open(paths: Iterable[Path], environ: Mapping[str, str] | None = None) -> Iterator[list[Plan]]:
    """Check files and yield a plan for each document; staged files live as long as the block.

    Raise ConfigurationInvalidError with every problem of every file.
    """
    problems: list[Problem] = []
    ordered = list(dict.fromkeys(paths))
    variables = os.environ if environ is None else environ
    documents = [document for path in ordered for document in documents_read(path, variables, problems)]
    _tenants_once(documents, problems)
    with workdir() as folder:
        plans = [
            Checker(document, Path(folder) / str(number), problems).plan() for number, document in enumerate(documents)
        ]
        if problems:
            files = [str(path) for path in ordered]
            problems.sort(key=lambda each: (files.index(each.place.file), each.place))
            raise ConfigurationInvalidError(problems)
        yield plans


def _tenants_once(documents: list[Document], problems: list[Problem]) -> None:
    first: dict[str, Document] = {}
    for document in documents:
        tenant = document.tenant
        if tenant.name and tenant.name in first:
            place = first[tenant.name].tenant.place
            problems.append(tenant.problem("slug", f"“{tenant.name}” is described already, at {place}. Join the two."))
        first.setdefault(tenant.name, document)


class Checker:
    """Check one document."""

    def __init__(self, document: Document, folder: Path, problems: list[Problem]) -> None:
        self.document = document
        self.folder = folder
        self.problems = problems
        slug = document.tenant.name
        tenant = Tenant.objects.filter(slug=slug).first() if slug else None
        self.plan_ = Plan(document, tenant, tenant_state(tenant))
        self.failed: set[str] = set()

    def plan(self) -> Plan:
        """Return the plan; what is wrong goes to the problems."""
        plan = self.plan_
        self._tenant()
        for section in SECTIONS:
            plan.wanted[section.name] = {}
            for item in self._items(section.name):
                self._model(item)
                if item.is_whole and self._references(item):
                    before = len(self.problems)
                    plan.wanted[section.name][item.name] = self._fields(item)
                    item.is_whole = len(self.problems) == before
        self.problems += audience_conflicts(self._items("orchestrations"), plan.names("orchestrations"), plan.fields)
        starting = [*self._items("orchestrations"), *self._items("groups")]
        self.problems += starting_problems(starting, plan.names, plan.fields)
        plan.difference = difference(plan.present, plan.wanted)
        if plan.difference:
            with tenant_scope(plan.tenant) if plan.tenant else nullcontext():
                self._tables({row.name: row for row in Dataset.objects.all()} if plan.tenant else {})
            self._columns()
        return plan

    def _fields(self, item: Item) -> dict[str, Any]:
        """Return the item's fields in the form of `state`; what is wrong with them goes to the problems."""
        reader: Callable[[Item], dict[str, Any]] = {
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
        }[item.section.name]
        return reader(item)

    def _items(self, section: str) -> list[Item]:
        return list(self.document.sections.get(section, {}).values())

    def _say(self, item: Item, key: str, sentence: str) -> None:
        self.problems.append(item.problem(key, sentence))

    def _model(self, item: Item) -> None:
        """Ask the model's own validators about the values that it stores as they are."""
        model = MODELS[item.section.name]
        plain = {field.name for field in model._meta.concrete_fields if not field.is_relation}
        values = {
            name: value
            for name, value in item.values.items()
            if name in plain and item.section.key(name).kind in {Kind.TEXT, Kind.WORD, Kind.BOOLEAN}
        }
        try:
            others = [field.name for field in model._meta.fields if field.name not in values]
            model(**values).clean_fields(exclude=others)
        except ValidationError as error:
            item.is_whole = False
            for name, sentences in error.message_dict.items():
                self._say(item, name, sentences[0])

    def _references(self, item: Item) -> bool:
        """Say whether everything that the item names is there, in the document or in the tenant."""
        good = True
        for key in item.section.keys:
            name = str(item.values.get(key.name))
            if key.kind == Kind.REFERENCE and self.plan_.fields(key.section, name) is None:
                good = item.is_whole = False
                described = self.document.sections.get(key.section, {})
                if name not in described:
                    near = did_you_mean(name, [*described, *self.plan_.names(key.section)])
                    noun = BY_NAME[key.section].noun
                    self._say(item, key.name, f"There is no {noun} “{name}”, here or in the tenant.{near}")
        return good

    def _tenant(self) -> None:
        """Take over what the document says of the tenant; a new one needs a name."""
        item, plan = self.document.tenant, self.plan_
        self._model(item)
        fields = {name: value for name, value in item.values.items() if name != "slug"}
        if plan.tenant is None and item.is_whole and not fields.get("name"):
            self._say(item, "", f"There is no tenant “{item.name}” yet; to create it, the key “name” is needed.")
        if item.name:
            plan.wanted["tenant"] = {item.name: fields}

    def _user(self, item: Item) -> dict[str, Any]:
        """Name the password only where it is not the person's present one."""
        fields = _without(item, "email", "password")
        password = item.values.get("password")
        if password is not None:
            user = User.objects.filter(email=item.name).first()
            if user is None or not user.check_password(password.reveal()):
                fields["password"] = password
        return fields

    def _credential(self, item: Item) -> dict[str, Any]:
        fields = _without(item, "name")
        token: Secret | None = item.values.get("access_token")
        if token is not None and not re.fullmatch(r"[!-~]+", token.reveal()):
            self._say(item, "access_token", "This is no access token: it is one word of letters and digits.")
        for name, other in self.plan_.present.get("destinations", {}).items():
            in_document = name in self.document.sections.get("destinations", {})
            kind = specs.get(other["plugin"]).credential_type
            if not in_document and other["credential"] == item.name and kind != fields["type"]:
                self._say(item, "type", f"The destination “{name}” needs a credential of type {kind}.")
        return fields

    def _dataset(self, item: Item) -> dict[str, Any]:
        twins = [name for name in self.plan_.present.get("datasets", {}) if name.lower() == item.name.lower()]
        if twins and item.name not in twins:
            self._say(item, "name", f"The tenant has a dataset “{twins[0]}”; letter case does not tell tables apart.")
        present = self.plan_.present.get("datasets", {}).get(item.name, {})
        fields = _without(item, "name", "file", "sha256")
        if "pii" in fields:
            fields["pii"] = sorted(set(fields["pii"]))
        return fields | file_fields(self.document, item, present, self.problems)

    def _query(self, item: Item) -> dict[str, Any]:
        item.values["sql"] = item.values["sql"].strip()
        return _without(item, "name")

    def _destination(self, item: Item) -> dict[str, Any]:
        """Check the settings, and that the credential is of the plugin's type."""
        fields = _without(item, "name")
        spec = specs.get(fields["plugin"])
        kind = (self.plan_.fields("credentials", fields["credential"]) or {}).get("type")
        if kind != spec.credential_type:
            needed = f"{spec.label} needs a credential of type {spec.credential_type}"
            self._say(item, "credential", f"{needed}; “{fields['credential']}” is of type {kind}.")
        fields["settings"] = self._settings(item, spec, fields["settings"], "destination")
        return fields

    def _orchestration(self, item: Item) -> dict[str, Any]:
        """Check that the settings, laid over the destination's, are complete."""
        fields = _without(item, "name")
        if item.name in self.plan_.present.get("streams", {}):
            self._say(item, "name", TAKEN.format(name=item.name))
        found = self._overrides(item, fields)
        if found is None:
            return fields
        fields |= following_read(item, *found, self.problems)
        if fields["schedule"] is not None:
            fields["schedule"] = self._schedule(item, fields["schedule"])
        return fields

    def _stream(self, item: Item) -> dict[str, Any]:
        """Check that the settings are complete, and when and from where it takes what."""
        fields = _without(item, "name")
        if item.name in self.plan_.names("orchestrations"):
            self._say(item, "name", TAKEN.format(name=item.name))
        found = self._overrides(item, fields)
        return fields if found is None else fields | stream_read(item, *found, self.problems)

    def _overrides(self, item: Item, fields: dict[str, Any]) -> tuple[Spec, dict[str, Any]] | None:
        """Clean the settings laid over the destination's; return the plugin and all of them, None where that is bad."""
        destination = self.plan_.fields("destinations", fields["destination"]) or {}
        below = self.document.sections.get("destinations", {}).get(fields["destination"])
        if below is not None and not below.is_whole:
            return None
        spec = specs.get(destination["plugin"])
        own = fields["settings"]
        for setting in spec.settings:
            if setting.name in own and setting.required != SettingRequired.AT_ORCHESTRATION:
                self._say(
                    item, f"settings.{setting.name}", "An orchestration cannot set this: set it on the destination."
                )
        merged = {**settings_revealed(destination["settings"]), **own}
        cleaned = self._settings(item, spec, merged, "orchestration")
        fields["settings"] = {name: cleaned[name] for name in own if name in cleaned}
        return spec, cleaned

    def _channel(self, item: Item) -> dict[str, Any]:
        return channel_read(item, self.plan_.present.get("alert_channels", {}).get(item.name, {}), self.problems)

    def _rule(self, item: Item) -> dict[str, Any]:
        orchestrations = [*self.plan_.names("orchestrations"), *self.plan_.names("streams")]
        channels = self.plan_.names("alert_channels")
        return rule_read(item, orchestrations, channels, self.problems)

    def _group(self, item: Item) -> dict[str, Any]:
        """Complete the schedule; what its members are is asked when all orchestrations are known."""
        fields = _without(item, "name")
        if fields["schedule"] is not None:
            fields["schedule"] = self._schedule(item, fields["schedule"])
        return fields

    def _schedule(self, item: Item, values: dict[str, Any]) -> dict[str, Any] | None:
        """Check that there is a rule; the time zone is the tenant's where the file names none."""
        tenant = self.plan_.fields("tenant", self.plan_.slug) or {}
        return schedule_read(item, values, tenant.get("time_zone") or "UTC", self.problems)

    def _settings(self, item: Item, spec: Spec, values: dict[str, Any], stage: str) -> dict[str, Any]:
        """Let the plugin clean settings; each of its sentences is told where the setting stands."""
        try:
            return settings_hidden(spec, spec.settings_clean(values, stage=stage))
        except SettingsError as error:
            for name, sentence in error.errors.items():
                self._say(item, f"settings.{name}", sentence)
            return {}

    def _tables(self, rows: dict[str, Dataset]) -> None:
        """Import what is new, and describe the queries over it."""
        plan = self.plan_
        for item in self._items("datasets"):
            change = plan.difference.change("datasets", item.name)
            row = rows.get(item.name)
            columns: Columns = row.columns if row else []
            if item.is_whole and change and change.touches("sha256"):
                staged = staged_file(self.document, item, self.folder)
                if isinstance(staged, Problem):
                    self.problems.append(staged)
                    item.is_whole = False
                else:
                    plan.staged[item.name] = staged
                    columns = staged.columns
            if item.is_whole:
                self.problems += pii_check(item, columns)
            else:
                self.failed.add(item.name.lower())
        queries = [item for item in self._items("queries") if item.is_whole]
        time_zone = (plan.fields("tenant", plan.slug) or {}).get("time_zone") or "UTC"
        if queries and self.document.tenant.is_whole:
            tables = tables_of(rows, plan.staged)
            plan.columns, found = queries_describe(
                queries, tables, self.failed, time_zone=time_zone, folder=self.folder
            )
            self.problems += found

    def _columns(self) -> None:
        """See that queries give what the destinations of enabled orchestrations need."""
        for item in self._items("orchestrations"):
            if item.is_whole and item.name in self.plan_.wanted["orchestrations"]:
                fields = self.plan_.wanted["orchestrations"][item.name]
                query = self.plan_.fields("queries", fields["query"]) or {}
                if fields["enabled"] and query["status"] != QueryStatus.ACTIVE:
                    sentence = f"The query “{fields['query']}” is a draft. Activate it, or set “enabled: false” here."
                    self._say(item, "query", sentence)
                elif fields["enabled"]:
                    self._columns_fit(item, fields)

    def _columns_fit(self, item: Item, fields: dict[str, Any]) -> None:
        destination = self.plan_.fields("destinations", fields["destination"]) or {}
        spec = specs.get(destination["plugin"])
        columns = self._columns_of(fields["query"])
        if columns is None or not destination:
            return
        settings = settings_revealed({**destination["settings"], **fields["settings"]})
        check = spec.columns_check({column["name"]: column["type"] for column in columns}, settings)
        for sentence in check.errors:
            self._say(item, "query", f"The query “{fields['query']}” does not fit {spec.label}. {sentence}")
        self.plan_.notes += [item.problem("query", sentence) for sentence in check.warnings]

    def _columns_of(self, query: str) -> Columns | None:
        """Return what a query returns: as just described, else as it is stored; None where that is not known."""
        plan = self.plan_
        if query in self.document.sections.get("queries", {}) or plan.tenant is None:
            return plan.columns.get(query)
        with tenant_scope(plan.tenant):
            row = Query.objects.filter(name=query).first()
        return list(row.columns) if row else None


def _without(item: Item, *names: str) -> dict[str, Any]:
    return {name: value for name, value in item.values.items() if name not in names}
