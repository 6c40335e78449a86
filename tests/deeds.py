"""Everything that a permission opens, as requests to the real pages: what the policy walk walks.

`DEEDS` maps a permission to requests; `<model>` in an address stands for an object's id. `OPEN` are the addresses that
every member of a tenant may ask for, whatever the policy. An address of the site that stands in neither is a mistake:
the walk's own test finds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CRUD = {
    "view": ("GET {base}/", "GET {base}/<id>/change/", "GET {base}/<id>/history/"),
    "add": ("GET {base}/add/", "POST {base}/add/"),
    "change": ("POST {base}/<id>/change/",),
    "delete": ("GET {base}/<id>/delete/", "POST {base}/<id>/delete/"),
}


@dataclass(frozen=True)
class Deed:
    """One request that a permission opens."""

    permission: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.permission}: {self.method} {self.path}"


def _crud(model: str, actions: str) -> Iterator[Deed]:
    app, name = model.split(".")
    for action in actions.split():
        for line in CRUD[action]:
            method, path = line.format(base=f"{app}/{name}").split(" ")
            yield Deed(f"{app}.{action}_{name}", method, path)


def _pages(permission: str, *lines: str) -> Iterator[Deed]:
    app, word = permission.split(".")
    base = f"{app}/{word.split('_')[1]}"
    for line in lines:
        method, path = line.split(" ")
        yield Deed(permission, method, f"{base}/{path}")


DEEDS: list[Deed] = [
    *_crud("audit.entry", "view"),
    *_pages("audit.download_entry", "GET export.csv"),
    *_crud("api.apikey", "view add"),
    *_pages("api.change_apikey", "POST <id>/revoke/"),
    *_crud("tenancy.membership", "view add change delete"),
    *(
        Deed(f"tenancy.{action}_membership", method, f"people/invitation/{page}")
        for action, method, page in (
            ("view", "GET", ""), ("view", "GET", "<id>/change/"), ("view", "GET", "<id>/history/"),
            ("add", "GET", "add/"), ("add", "POST", "add/"),
            ("change", "POST", "<id>/resend/"), ("change", "POST", "<id>/withdraw/"),
        )
    ),
    *(
        Deed(f"tenancy.{action}_tenant", method, page)
        for action, method, page in (
            ("view", "GET", "tenancy/tenant/"), ("view", "GET", "tenancy/tenant/<id>/change/"),
            ("view", "GET", "tenancy/tenant/<id>/history/"), ("change", "POST", "tenancy/tenant/<id>/change/"),
            ("view", "GET", "people/singlesignon/"), ("view", "GET", "people/singlesignon/<id>/change/"),
            ("view", "GET", "people/singlesignon/<id>/history/"),
            ("change", "POST", "people/singlesignon/<id>/change/"),
        )
    ),
    *(
        Deed(f"tenancy.{action}_sandbox", method, f"sandboxes/sandbox/{page}")
        for action, method, page in (
            ("view", "GET", ""), ("view", "GET", "<id>/"), ("view", "GET", "<id>/change/"),
            ("view", "GET", "<id>/history/"), ("add", "GET", "add/"), ("add", "POST", "add/"),
            ("change", "POST", "<id>/promote/"), ("change", "GET", "<id>/pull/"), ("change", "POST", "<id>/pull/now/"),
            ("delete", "GET", "<id>/delete/"), ("delete", "POST", "<id>/delete/now/"),
        )
    ),
    *_crud("destinations.credential", "view add change delete"),
    *_pages("destinations.view_credential", "GET <id>/live/"),
    *_pages(
        "destinations.authorise_credential",
        "POST <id>/check/", "POST <id>/connect/", "POST <id>/link/", "POST <id>/secret-link/",
        "POST <id>/links/1/withdraw/",
    ),
    *_crud("destinations.destination", "view add change delete"),
    *_pages("destinations.add_destination", "POST <id>/clone/", "POST options/"),
    *_pages("destinations.change_destination", "POST <id>/disable/", "POST <id>/enable/"),
    *_pages("destinations.test_destination", "POST <id>/test/"),
    *_crud("orchestrations.dataset", "view add change delete"),
    *_pages("orchestrations.view_dataset", "GET <id>/preview/"),
    *_crud("orchestrations.query", "view add change delete"),
    *_pages("orchestrations.view_query", "GET <id>/rows/"),
    *_pages("orchestrations.add_query", "POST preview/", "POST check/"),
    *_crud("orchestrations.orchestration", "view add delete"),
    *_pages("orchestrations.view_orchestration", "GET <id>/"),
    *_pages("orchestrations.add_orchestration", "POST settings/", "POST schedule/"),
    *_pages("orchestrations.change_orchestration", "POST <id>/switch/", "POST <id>/pause/", "POST <id>/change/"),
    *_pages("orchestrations.plan_orchestration", "POST <id>/plan/"),
    *_pages("orchestrations.run_orchestration", "POST <id>/run/"),
    *_crud("orchestrations.orchestrationgroup", "view add delete"),
    *_pages("orchestrations.view_orchestrationgroup", "GET <id>/"),
    *_pages("orchestrations.add_orchestrationgroup", "POST schedule/"),
    *_pages("orchestrations.change_orchestrationgroup", "POST <id>/switch/", "POST <id>/pause/", "POST <id>/change/"),
    *_pages("orchestrations.run_orchestrationgroup", "POST <id>/run/"),
    *_crud("orchestrations.stream", "view add change delete"),
    *_pages("orchestrations.add_stream", "POST settings/"),
    *_pages(
        "orchestrations.view_stream",
        "GET <id>/", "GET <id>/live/", "GET <id>/chart/", "GET <id>/debugger/", "GET <id>/events/", "GET <id>/connect/",
        "GET <id>/reference/",
    ),
    *_pages("orchestrations.change_stream", "POST <id>/switch/", "POST <id>/keys/add/", "POST <id>/keys/1/revoke/"),
    *_pages("orchestrations.run_stream", "POST <id>/pause/", "POST <id>/resume/", "POST <id>/test/"),
    *_crud("orchestrations.grouprun", "view"),
    *_pages("orchestrations.view_grouprun", "GET <id>/live/"),
    *_pages("orchestrations.change_grouprun", "POST <id>/cancel/"),
    *_crud("orchestrations.run", "view"),
    *_pages("orchestrations.view_run", "GET <id>/live/", "GET <id>/batches/"),
    *_pages("orchestrations.view_run", "GET <id>/throughput/", "GET reconciliation/"),
    *_pages("orchestrations.change_run", "POST <id>/cancel/"),
    *_pages("orchestrations.download_run", "GET <id>/issues.csv", "GET reconciliation.csv"),
    *_pages("orchestrations.release_run", "POST <id>/release/"),
    *(
        Deed("orchestrations.run_orchestration", "POST", f"orchestrations/run/<id>/{word}/")
        for word in ("start", "retry", "skip", "replay/now")
    ),
    Deed("orchestrations.run_orchestration", "GET", "orchestrations/run/<id>/replay/"),
    Deed("orchestrations.plan_orchestration", "POST", "orchestrations/run/<id>/restart/"),
    *_crud("orchestrations.audience", "view"),
    *_pages("orchestrations.view_audience", "GET explain/"),
    *_pages(
        "orchestrations.change_audience",
        "POST <id>/read/", "GET <id>/verify/", "POST <id>/verify/now/", "GET <id>/forget/", "POST <id>/forget/now/",
    ),
    *_crud("alerts.channel", "view add change delete"),
    *_pages("alerts.test_channel", "POST <id>/test/"),
    *_pages("alerts.change_channel", "POST <id>/rotate/"),
    *_crud("alerts.rule", "view add change delete"),
    *_crud("alerts.incident", "view"),
    *_crud("alerts.delivery", "view"),
    *_pages("orchestrations.download_audience", "GET <id>/export/", "POST <id>/export.csv"),
    *_crud("orchestrations.retentionreport", "view"),
]  # fmt: skip

# Pages of the site itself; nobody adds, changes or deletes runs and audiences in forms.
OPEN = {
    "", "(?P<url>.*)$", "^(?P<app_label>…)/$", "autocomplete/", "jsi18n/", "login/", "logout/", "search/",
    "password_change/", "password_change/done/", "r/<content_type>/<id>/",
    "api/apikey/<id>/delete/",
    "audit/entry/add/", "audit/entry/<id>/delete/",
    "people/invitation/<id>/delete/", "people/singlesignon/<id>/delete/", "people/singlesignon/add/",
    "tenancy/tenant/add/", "tenancy/tenant/<id>/delete/",
    *(
        f"orchestrations/{name}/{page}"
        for name in ("run", "grouprun", "audience", "retentionreport") for page in ("add/", "<id>/delete/")
    ),
    *(f"alerts/{name}/{page}" for name in ("incident", "delivery") for page in ("add/", "<id>/delete/")),
}  # fmt: skip
# Permissions that open no page of their own: what they change is seen on others.
SEEN_ELSEWHERE = {"tenancy.view_pii"}
