"""Write a tenant's configuration as YAML that `hub_apply` takes back without a difference.

Secrets never leave: a pasted token becomes a variable to be set in the environment, and a connection that was
authorised at TikTok has to be authorised where the file is applied. The files of datasets stay behind too; their
digest tells whether a file is the same.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from destinations.models import Credential
from tiktok_hub.configuration.schema import SECTIONS, TENANT, UNSET, Section
from tiktok_hub.configuration.state import Items, tenant_state
from tiktok_hub.crypto import Secret
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

HEAD = "# Configuration of {name}. Apply it with: manage.py hub_apply FILE\n"
FILE = "# The file is not part of the export: put {file} beside this file to load it."
OAUTH = "# Authorised at TikTok: authorise it again where this is applied, or add an access_token."
PASTED = "# Set {variable} in the environment before applying."
CHANNEL = "# Set {variables} in the environment before applying."
WIDTH = 120


class Dumper(yaml.SafeDumper):
    """Write texts of several lines as blocks, and lists inside mappings indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists under their key."""
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


Dumper.add_representer(str, _text)


def tenant_export(tenant: Tenant) -> str:
    """Return a tenant's configuration as one YAML document, in a stable order."""
    state = tenant_state(tenant)
    parts = [HEAD.format(name=" ".join(tenant.name.split()))]
    fields = {"slug": tenant.slug, **{name: value for name, value in state["tenant"][tenant.slug].items() if value}}
    parts.append(_dump({TENANT.name: _escaped(fields)}))
    hints = Hints(tenant, state)
    for section in SECTIONS:
        if state[section.name]:
            parts.append(f"\n{section.name}:\n" + "".join(_items(section, state[section.name], hints)))
    return "".join(parts)


class Hints:
    """What an export says about secrets and files: a comment above an item, and what stands in a secret's place."""

    def __init__(self, tenant: Tenant, state: dict[str, Items]) -> None:
        self.tenant = tenant
        self.taken: dict[str, str] = {}
        with tenant_scope(tenant):
            self.pasted = set(Credential.objects.filter(pasted=True).values_list("name", flat=True))
        self.files = {name: fields["file"] for name, fields in state["datasets"].items()}

    def variable(self, name: str, field: str) -> str:
        """Return the environment variable for a secret, unlike every other one of this export."""
        words = re.sub(r"[^A-Z0-9]+", "_", f"{self.tenant.slug} {name} {field}".upper()).strip("_")
        base = words if words[0].isalpha() else f"_{words}"
        found, number = base, 1
        while self.taken.setdefault(found, f"{name}\0{field}") != f"{name}\0{field}":
            number += 1
            found = f"{base}_{number}"
        return found

    def secret(self, section: str, name: str, field: str) -> str | None:
        """Return what stands for a secret; None where it cannot be carried over at all."""
        if section == "credentials":
            return f"${{{self.variable(name, 'token')}}}" if name in self.pasted else None
        return f"${{{self.variable(name, field)}}}"

    def comment(self, section: str, name: str, fields: dict[str, Any]) -> str | None:
        """Return the comment above an item."""
        if section == "datasets":
            return FILE.format(file=self.files[name])
        if section == "credentials" and fields["access_token"]:
            if name not in self.pasted:
                return OAUTH
            return PASTED.format(variable=self.variable(name, "token"))
        if section == "alert_channels" and fields["url"]:
            secrets = [self.variable(name, field) for field in ("url", "secret") if fields[field]]
            return CHANNEL.format(variables=" and ".join(secrets))
        return None


def _items(section: Section, items: Items, hints: Hints) -> Iterator[str]:
    """Yield the items of a section, by name, each with its comment."""
    for name, fields in sorted(items.items()):
        if comment := hints.comment(section.name, name, fields):
            yield f"  {' '.join(comment.split())}\n"
        entry = {section.identity: _escaped(name)}
        for key in section.keys[1:]:
            value = fields.get(key.name)
            if isinstance(value, Secret):
                value = hints.secret(section.name, name, key.name) if value else None
                entry |= {key.name: value} if value else {}
            elif value is not None and value != key.default and not (key.default is UNSET and value == ""):
                entry[key.name] = _value(section.name, name, value, hints)
        yield "".join(f"  {line}" for line in _dump([entry]).splitlines(keepends=True))


def _value(section: str, name: str, value: Any, hints: Hints) -> Any:
    """Return a plain value as it stands in the file; secret settings as variables."""
    if not isinstance(value, dict):
        return _escaped(value)
    return {
        each: hints.secret(section, name, each) if isinstance(inner, Secret) else _escaped(inner)
        for each, inner in sorted(value.items())
    }


def _escaped(value: Any) -> Any:
    """Keep `${` in texts from being taken for a variable."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    if isinstance(value, dict):
        return {name: _escaped(each) for name, each in value.items()}
    return value


def _dump(value: Any) -> str:
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
