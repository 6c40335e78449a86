"""Ask a user to authorise an app: GET /portal/auth shows the page, POST answers it (TikTok doc 1738373141733378).

TikTok documents app_id, state and redirect_uri, and sends back state, auth_code and code. What it does on Cancel is
not documented; `error=access_denied` (RFC 6749 §4.1.2.1) is assumed.
"""

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from destinations.emulator.markup import document
from destinations.emulator.model import SCOPES, Advertiser, App, User
from destinations.emulator.oauth import code_issue
from destinations.emulator.state import State
from destinations.emulator.wire import Answer, Call, html_answer, text_answer

PATH = "/portal/auth"
PARAMETERS = ("app_id", "state", "redirect_uri")


def answer(state: State, call: Call) -> Answer:
    """Show the consent page, or act on its buttons."""
    if call.method not in {"GET", "POST"}:
        return text_answer(405, "405 method not allowed")
    values = call.query if call.method == "GET" else {name: found[-1] for name, found in call.form.items()}
    app = state.registry.apps.get(values.get("app_id", ""))
    problem = _problem(app, values)
    if app is None or problem:
        return html_answer(document("Authorisation not possible", f"<p>{escape(problem)}</p>"), 400)
    return _show(state, app, values) if call.method == "GET" else _decide(state, app, values, call.form)


def _problem(app: App | None, values: dict[str, str]) -> str:
    if app is None:
        return f"There is no developer app with the id {values.get('app_id') or '(none)'}."
    target = values.get("redirect_uri", "")
    if app.redirect_uris and target not in app.redirect_uris:
        return "The redirect_uri is not one of those registered for this app."
    if urlsplit(target).scheme not in {"http", "https"} or not urlsplit(target).netloc:
        return "The redirect_uri is missing or not a full http(s) address."
    return ""


def _decide(state: State, app: App, values: dict[str, str], form: dict[str, list[str]]) -> Answer:
    back = {"state": values.get("state", "")}
    if values.get("decision") != "authorize":
        return _redirect(values["redirect_uri"], {"error": "access_denied", **back})
    user_id = values.get("user_id", "")
    advertiser_ids = [
        advertiser.advertiser_id
        for advertiser in _advertisers(state, user_id)
        if advertiser.advertiser_id in form.get("advertiser_ids", [])
    ]
    scopes = [scope for scope in SCOPES if str(scope) in form.get("scopes", [])]
    if not advertiser_ids or not scopes:
        message = "Tick at least one ad account and one permission, then authorise again."
        return html_answer(document("Nothing was granted", f"<p>{message}</p>"), 400)
    code = code_issue(state, app, user_id, advertiser_ids, scopes)
    return _redirect(values["redirect_uri"], {**back, "auth_code": code, "code": code})


def _redirect(target: str, extra: dict[str, str]) -> Answer:
    parts = urlsplit(target)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *extra.items()])
    return Answer(302, headers={"Location": urlunsplit(parts._replace(query=query, fragment=""))})


def _advertisers(state: State, user_id: str) -> list[Advertiser]:
    with state.lock:
        return [row for row in state.registry.advertisers.values() if user_id in row.roles]


def _show(state: State, app: App, values: dict[str, str]) -> Answer:
    with state.lock:
        users = list(state.registry.users.values())
    chosen = next((user for user in users if user.user_id == values.get("user_id")), users[0] if users else None)
    if chosen is None:
        return html_answer(document("Authorisation not possible", "<p>The emulator has no users.</p>"), 400)
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(values.get(name, ""))}">' for name in PARAMETERS
    )
    body = f"""
<p class="lead"><strong>{escape(app.name)}</strong> asks for access to your TikTok for Business account.</p>
<nav class="tabs" aria-label="TikTok account">{_tabs(users, chosen, values)}</nav>
<form method="post" action="{PATH}">{hidden}
<input type="hidden" name="user_id" value="{chosen.user_id}">
<fieldset><legend>Ad accounts of {escape(chosen.name)}</legend>{_accounts(state, chosen)}</fieldset>
<fieldset><legend>Permissions</legend>{_scopes()}</fieldset>
<p class="buttons"><button name="decision" value="authorize">Authorize</button>
<button name="decision" value="cancel" class="quiet">Cancel</button></p>
</form>"""
    return html_answer(document("TikTok for Business (emulated)", body, narrow=True))


def _tabs(users: list[User], chosen: User, values: dict[str, str]) -> str:
    links = []
    for user in users:
        query = urlencode({**{name: values.get(name, "") for name in PARAMETERS}, "user_id": user.user_id})
        current = ' aria-current="true"' if user is chosen else ""
        links.append(f'<a href="{PATH}?{escape(query)}"{current}>{escape(user.name)}</a>')
    return "".join(links)


def _accounts(state: State, user: User) -> str:
    return "".join(
        _box("advertiser_ids", row.advertiser_id, row.name, f"{row.roles[user.user_id].title()} · {row.advertiser_id}")
        for row in _advertisers(state, user.user_id)
    )


def _scopes() -> str:
    return "".join(_box("scopes", str(scope), name, "") for scope, name in SCOPES.items())


def _box(name: str, value: str, label: str, detail: str) -> str:
    return (
        f'<label class="tick"><input type="checkbox" name="{name}" value="{escape(value)}" checked>'
        f"<span>{escape(label)} <small>{escape(detail)}</small></span></label>"
    )
