"""Say a snapshot in the form that configuration as code checks and applies, as if it stood in a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiktok_hub.configuration.checking import Plan
from tiktok_hub.configuration.problems import Place
from tiktok_hub.configuration.reading import Document, Item
from tiktok_hub.configuration.schema import BY_NAME, SECTIONS, TENANT, Section
from tiktok_hub.configuration.state import Items, settings_revealed
from tiktok_hub.tenancy.models import Tenant

Wanted = Mapping[str, Items]
NUMBERS = (("schedule", "every_minutes"), ("guard", "max_removal_percent"))


def document_of(slug: str, wanted: Wanted, *, label: str, folder: Path) -> Document:
    """Return the document of a tenant that holds these items; `label` is what stands where a file's name would."""
    place = Place(label)
    tenant = Item(TENANT, place, TENANT.name, {"slug": slug, **wanted.get(TENANT.name, {}).get(slug, {})})
    document = Document(folder, tenant)
    for section in SECTIONS:
        items = wanted.get(section.name, {})
        document.sections[section.name] = {name: _item(section, name, items[name], place) for name in items}
    return document


def _item(section: Section, name: str, fields: Mapping[str, Any], place: Place) -> Item:
    """Return an item as a file would give it: what is not set is left out, numbers inside of mappings are texts."""
    known = {key.name for key in section.keys}
    values: dict[str, Any] = {key: value for key, value in fields.items() if key in known}
    if "settings" in values:
        values["settings"] = settings_revealed(values["settings"])
    for key, number in NUMBERS:
        if values.get(key) and number in values[key]:
            values[key] = {**values[key], number: str(values[key][number])}
    return Item(section, place, f"{section.name}[{name}]", {section.identity: name, **values})


def plan_of(slug: str, tenant: Tenant | None, present: Wanted, wanted: Wanted) -> Plan:
    """Return a plan that takes items as they are, for what another tenant has in this form already."""
    document = document_of(slug, {}, label=slug, folder=Path())
    plan = Plan(document, tenant, dict(present))
    plan.wanted = {name: dict(wanted.get(name, {})) for name in BY_NAME}
    return plan
