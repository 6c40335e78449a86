"""Gather what a channel is to be told into one message, and write it as a text.

A message is a document (docs/alerts.md describes it; `VERSION` counts its forms) from which e-mails and chat lines are
made too. It is kept with the delivery, so that every try says the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from orchestrations.alerts.choices import NOUNS, RuleKind, Telling
from orchestrations.alerts.models import Notice
from tiktok_hub.tenancy.models import Tenant

VERSION = 1
MOST_ALERTS = 100  # in a document; the rest is counted
MOST_LINES = 10  # in an e-mail or a chat line
_ORDER = {kind: number for number, kind in enumerate(RuleKind.values)}

Document = dict[str, Any]


def message_make(tenant: Tenant, message_id: UUID, notices: Iterable[Notice]) -> Document:
    """Return the document that tells these notices, causes first; their incidents and rules must be loaded."""
    ordered = sorted(notices, key=lambda each: (_ORDER[each.incident.rule.kind], each.at, each.pk))
    told = [_alert(tenant, notice) for notice in ordered[:MOST_ALERTS]]
    return {
        **_head(tenant, message_id),
        "title": _title(tenant, ordered), "total": len(ordered), "more": len(ordered) - len(told),
        "counts": _counts(ordered), "alerts": told,
    }  # fmt: skip


def message_test(tenant: Tenant, message_id: UUID, channel: str) -> Document:
    """Return the document of a test."""
    title = f"{tenant}: this is a test of the alert channel “{channel}”"
    return {**_head(tenant, message_id), "test": True, "title": title, "total": 0, "more": 0, "counts": {},
            "alerts": []}  # fmt: skip


def message_text(document: Document) -> str:
    """Return a message for an e-mail."""
    lines = [document["title"] + ".", ""]
    if document["test"]:
        lines += ["Nothing is wrong. Alerts will arrive like this message.", ""]
    for alert in document["alerts"][:MOST_LINES]:
        # The title of a message about one thing is its headline.
        head = [f"• {alert['headline']}{_times(alert['event'], alert['times'])}"] if document["total"] > 1 else []
        lines += [*head, *(f"  {part}" for part in (alert["text"], alert["url"]) if part)]
        lines.append("")
    lines += [f"{_more(document)}", ""] if _more(document) else []
    where = address(document["tenant"]["slug"], "alerts/rule/")
    lines.append(f"The alert rules of {document['tenant']['name']} send this{': ' + where if where else '.'}")
    return "\n".join(lines)


def message_chat(document: Document) -> str:
    """Return a message in Slack's markup, in which `&`, `<` and `>` are its own."""
    lines = [f"*{_plain(document['title'])}*"]
    if document["test"]:
        lines.append("Nothing is wrong. Alerts will arrive like this message.")
    for alert in document["alerts"][:MOST_LINES]:
        headline = _plain(alert["headline"])
        head = f"<{alert['url']}|{headline}>" if alert["url"] else headline
        lines.append(
            f"• {head}{_times(alert['event'], alert['times'])}"
            + (f"\n   {_plain(alert['text'])}" if alert["text"] else "")
        )
    lines += [_more(document)] if _more(document) else []
    return "\n".join(lines)


def address(slug: str, path: str) -> str:
    """Return a page's full address; nothing where the installation does not know its own."""
    return f"{settings.HUB_PUBLIC_URL}/{slug}/{path}" if settings.HUB_PUBLIC_URL else ""


def _head(tenant: Tenant, message_id: UUID) -> Document:
    now = timezone.now().isoformat(timespec="seconds")
    own = {"slug": tenant.slug, "name": tenant.name}
    return {"version": VERSION, "id": str(message_id), "created_at": now, "test": False, "tenant": own}


def _alert(tenant: Tenant, notice: Notice) -> Document:
    return {
        "event": notice.telling, "rule": notice.incident.rule.kind, "at": notice.at.isoformat(timespec="seconds"),
        "times": notice.number, "headline": notice.headline, "text": notice.text,
        "url": address(tenant.slug, notice.path), **notice.facts,
    }  # fmt: skip


def _title(tenant: Tenant, notices: Sequence[Notice]) -> str:
    if len(notices) == 1:
        (one,) = notices
        return f"{tenant}: {one.headline}{_times(one.telling, one.number)}"[:300]
    return f"{tenant}: {counted(_counts(notices))}"[:300]


def counted(counts: Mapping[str, int]) -> str:
    """Return what is told in numbers, as in “1 credential in trouble, 200 failed runs, 3 well again”."""
    return ", ".join(f"{number:,} {NOUNS[kind][number > 1]}" for kind, number in sorted(counts.items(), key=_place))


def _place(count: tuple[str, int]) -> int:
    return _ORDER.get(count[0], len(_ORDER))


def _counts(notices: Sequence[Notice]) -> dict[str, int]:
    """Return how many troubles of each kind are told, and how many recoveries: together they are the total."""
    well = Telling.RECOVERY
    return dict(Counter(each.incident.rule.kind if each.telling != well else str(well) for each in notices))


def _times(telling: str, number: int) -> str:
    return f" (time {number:,})" if telling == Telling.REMINDER else ""


def _more(document: Document) -> str:
    left = document["total"] - min(len(document["alerts"]), MOST_LINES)
    return f"and {left:,} more." if left else ""


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
