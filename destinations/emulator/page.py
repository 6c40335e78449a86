"""Show in a browser what the emulator holds: accounts, events, audiences, requests, faults."""

import time
from html import escape
from typing import Any

import orjson

from destinations.emulator import holdings
from destinations.emulator.faults import Rule
from destinations.emulator.log import Entry, outcome
from destinations.emulator.markup import document
from destinations.emulator.model import Advertiser
from destinations.emulator.registry import Registry
from destinations.emulator.state import State
from destinations.emulator.store import SourceEvents
from destinations.emulator.wire import Answer, Call, html_answer, text_answer

REFRESH = """<noscript><meta http-equiv="refresh" content="5"></noscript><script>
setInterval(async () => {
  if (document.hidden || String(getSelection())) return;
  const answer = await fetch("/").catch(() => null);
  if (!answer || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("main").replaceWith(fresh.querySelector("main"));
}, 2000);
</script>"""
LATEST = 25
MOST_AUDIENCES = 50
STATUSES = {"STATUS_ENABLE": "enabled", "STATUS_DISABLE": "disabled"}


def answer(state: State, call: Call) -> Answer:
    """Answer the page at `/`."""
    if call.method not in {"GET", "HEAD"}:
        return text_answer(405, "405 method not allowed")
    with state.lock:
        body = (
            _events(state)
            + _accounts(state.registry)
            + _sources(state.registry)
            + _audiences(state)
            + _faults(state.faults.rules)
            + _requests(state.log.latest("", LATEST))
        )
    return html_answer(document("TikTok emulator", body, head=REFRESH))


def _section(title: str, body: str, *, wide: bool = False) -> str:
    return f"<section{' class=wide' if wide else ''}><h2>{title}</h2>{body}</section>"


def _table(heads: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"<th{' class=n' if name.startswith('#') else ''}>{name.removeprefix('#')}</th>" for name in heads)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _events(state: State) -> str:
    parts = [_source_events(state.registry, name, source) for name, source in state.events.sources.items()]
    return _section("Events held", "".join(parts) or '<p class="soft">No event has arrived yet.</p>', wide=True)


def _source_events(registry: Registry, source_id: str, source: SourceEvents) -> str:
    most = max(source.by_event.values(), default=1)
    rows = [
        f"<tr><td>{escape(name)}</td><td class=n>{count:,}</td><td>{_bar(count / most)}</td></tr>"
        for name, count in source.by_event.most_common(12)
    ]
    return (
        f"<h3>{escape(registry.source_name(source_id))} <small>{source.kind} · {escape(source_id)}</small></h3>"
        f"<p class=soft>{source.held:,} held · {source.duplicates:,} duplicates dropped ·"
        f" {source.test_events:,} test events</p>" + (_table(("Event", "#Held", ""), rows) if rows else "")
    )


def _bar(share: float) -> str:
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * share:.1f}" height="10" rx="1"/></svg>'
    )


def _accounts(registry: Registry) -> str:
    rows = [_account(registry, row) for row in registry.advertisers.values()]
    return _section("Ad accounts", _table(("Account", "Users"), rows))


def _user(registry: Registry, user_id: str) -> str:
    user = registry.users.get(user_id)
    return user.name if user else user_id


def _account(registry: Registry, row: Advertiser) -> str:
    users = "<br>".join(
        f"{escape(_user(registry, user_id))} <small>{role.lower()}</small>" for user_id, role in row.roles.items()
    )
    mood = "good" if row.status == "STATUS_ENABLE" else "bad"
    status = STATUSES.get(row.status, escape(row.status))
    return (
        f"<tr><td>{escape(row.name)}<br><small>{row.advertiser_id}</small><br>"
        f"<small class={mood}>{status}</small></td><td>{users}</td></tr>"
    )


def _sources(registry: Registry) -> str:
    rows = [
        _source("web", pixel.pixel_name, code, registry, pixel.advertiser_id) for code, pixel in registry.pixels.items()
    ]
    for kind, sets in (("offline", registry.offline_event_sets), ("crm", registry.crm_event_sets)):
        rows += [
            _source(kind, row.name, row.event_set_id, registry, row.advertiser_id)
            for row in sets.values()
            if not row.deleted
        ]
    return _section("Event sources", _table(("Source", "Kind", "Ad account"), rows))


def _source(kind: str, name: str, source_id: str, registry: Registry, advertiser_id: str) -> str:
    owner = registry.advertisers.get(advertiser_id)
    return (
        f"<tr><td>{escape(name)}<br><small>{escape(source_id)}</small></td><td>{kind}</td>"
        f"<td>{escape(owner.name if owner else advertiser_id)}</td></tr>"
    )


def _audiences(state: State) -> str:
    shown = holdings.audiences(state)
    if not shown:
        return _section("Audiences", '<p class="soft">No audience has been created.</p>')
    rows = [_audience(state.registry, row) for row in shown[:MOST_AUDIENCES]]
    more = len(shown) - len(rows)
    body = _table(("Audience", "#Members", "#Size"), rows)
    return _section("Audiences", body + (f"<p class=soft>and {more:,} older ones</p>" if more else ""))


def _audience(registry: Registry, row: dict[str, Any]) -> str:
    owner = registry.advertisers.get(row["advertiser_id"])
    ids = "".join(f"<br><small>{count:,} {kind.removesuffix('_SHA256')}</small>" for kind, count in row["ids"].items())
    owned_by = owner.name if owner else row["advertiser_id"]
    mood = {"ready": " class=good", "expired": " class=bad", "not editable": " class=bad"}.get(row["state"], "")
    return (
        f"<tr><td class=any>{escape(row['name'])}<br><small>{escape(row['audience_id'])}</small><br>"
        f"<small><span{mood}>{row['state']}</span> · {escape(row['audience_type'])} · {escape(owned_by)}</small></td>"
        f"<td class=n>{row['people']:,} people{ids}</td><td class=n>{row['cover_num']:,}</td></tr>"
    )


def _faults(rules: list[Rule]) -> str:
    rows = [
        f"<tr><td>{rule.number}</td><td><code>{_json(_shown(rule.match))}</code></td>"
        f"<td><code>{_json(rule.action)}</code></td><td class=n>{rule.fired}"
        f"{' of ' + str(rule.times) if rule.times is not None else ''}</td></tr>"
        for rule in rules
        if not rule.spent
    ]
    body = _table(("No.", "Match", "Action", "#Fired"), rows) if rows else '<p class="soft">Nothing goes wrong.</p>'
    return _section("Active faults", body)


def _json(value: object) -> str:
    return escape(orjson.dumps(value).decode())


def _shown(match: dict[str, object]) -> dict[str, object]:
    """Leave the token of a match out of the page."""
    return {key: "…" if key == "token" else value for key, value in match.items()}


def _requests(entries: list[Entry]) -> str:
    rows = [
        f"<tr><td>{time.strftime('%H:%M:%S', time.gmtime(entry.time))}</td>"
        f"<td>{escape(entry.method)} {escape(entry.path.removeprefix('/open_api/v1.3'))}</td>"
        f"<td class={'good' if entry.code == 0 else 'bad'}>{outcome(entry)}</td><td class=n>{entry.items or ''}</td>"
        f"<td class=n>{1000 * entry.seconds:.1f}</td><td><code>{entry.request_id}</code></td></tr>"
        for entry in entries
    ]
    if not rows:
        return _section("Latest requests", '<p class="soft">No request has arrived yet.</p>', wide=True)
    return _section("Latest requests", _table(("UTC", "Call", "Code", "#Items", "#ms", "request_id"), rows), wide=True)
