"""Check what a document says about alerts: channels that lead somewhere, rules of things that are there."""

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any

from django.core.exceptions import ValidationError

from orchestrations.alerts.choices import EVERY, PERCENT, TENANT_ONLY, ChannelKind, RuleKind
from orchestrations.alerts.services import addresses_read, channel_check
from orchestrations.alerts.signing import secret_fits
from tiktok_hub.configuration.problems import Problem, did_you_mean
from tiktok_hub.configuration.reading import Item

Fields = dict[str, Any]
_ANY_HOST = "1.1.1.1"  # an address that may be reached
KEEPS = "A channel keeps its kind ({kind}). Give this one another name."
SECRET = "This is no signing secret: whsec_ and the Base64 of 24 to 64 bytes."  # noqa: S105 - a sentence


def channel_read(item: Item, present: Mapping[str, Any], problems: list[Problem]) -> Fields:
    """Return the fields of a channel; a URL or secret that the file leaves out stays as it is."""
    fields = {name: value for name, value in item.values.items() if name != "name"}
    try:
        fields["addresses"] = addresses_read(fields["addresses"])
    except ValidationError as error:
        problems.append(item.problem("addresses", error.messages[0]))
        return fields
    if present and present["kind"] != fields["kind"]:
        problems.append(item.problem("kind", KEEPS.format(kind=present["kind"])))
    if fields["kind"] != ChannelKind.EMAIL:
        fields["addresses"] = []
    if "secret" in fields and not secret_fits(fields["secret"].reveal()):
        problems.append(item.problem("secret", SECRET))
    url = fields.get("url") or present.get("url")
    try:
        channel_check(
            kind=fields["kind"], addresses=fields["addresses"], url=url.reveal() if url else "", resolve=_written
        )
    except ValidationError as error:
        problems += [item.problem(key, sentences[0]) for key, sentences in error.message_dict.items()]
    return fields


def rule_read(
    item: Item, orchestrations: Collection[str], channels: Collection[str], problems: list[Problem]
) -> Fields:
    """Return the fields of a rule; what it names must be there."""
    kind, divided, own = item.name.partition("/")
    if kind not in RuleKind.values:
        near = did_you_mean(kind, RuleKind.values)
        problems.append(item.problem("rule", f"“{kind}” is none of {', '.join(RuleKind.values)}.{near}"))
    elif divided and kind in TENANT_ONLY:
        problems.append(item.problem("rule", "Credentials belong to no orchestration. Write the kind alone."))
    elif divided and own not in orchestrations:
        near = did_you_mean(own, list(orchestrations))
        problems.append(item.problem("rule", f"There is no orchestration “{own}”, here or in the tenant.{near}"))
    for name in item.values["channels"]:
        if name not in channels:
            near = did_you_mean(name, list(channels))
            problems.append(item.problem("channels", f"There is no alert channel “{name}”.{near}"))
    return {
        "channels": sorted(set(item.values["channels"])),
        "percent": _percent(item, PERCENT[kind]) if kind in PERCENT else None,
        "every": int(item.values["every"] or EVERY),
        "recovery": item.values["recovery"], "enabled": item.values["enabled"],
    }  # fmt: skip


def _percent(item: Item, usual: int) -> int:
    given = item.values["percent"]
    return usual if given is None else int(given)


def _written(host: str, port: int) -> list[str]:
    """Take names as they are written: files are checked without a network, and each message looks at them anew."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        return [_ANY_HOST]
