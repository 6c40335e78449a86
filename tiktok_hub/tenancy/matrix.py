"""Print the table of policies for people: `manage.py policies` writes docs/policies.md from it."""

from collections.abc import Iterable, Iterator

from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.policies import ADDED, TABLE, TAKEN, cells

KINDS = {
    "destinations.credential": "Credentials",
    "destinations.destination": "Destinations",
    "orchestrations.dataset": "Datasets",
    "orchestrations.query": "Queries",
    "orchestrations.orchestration": "Orchestrations",
    "orchestrations.orchestrationgroup": "Groups of orchestrations",
    "orchestrations.stream": "Streams",
    "orchestrations.run": "Runs",
    "orchestrations.grouprun": "Runs of groups",
    "orchestrations.audience": "Audiences",
    "orchestrations.retentionreport": "Retention reports",
    "alerts.channel": "Alert channels",
    "alerts.rule": "Alert rules",
    "alerts.incident": "Incidents",
    "alerts.delivery": "Alert deliveries",
    "tenancy.pii": "Personal values in rows",
    "tenancy.membership": "Members and invitations",
    "audit.entry": "Audit log",
    "tenancy.sandbox": "Sandboxes",
    "api.apikey": "API keys",
    "tenancy.tenant": "Tenant settings",
}

DEEDS = {
    ("orchestrations.run", "change"): "cancel",
    ("orchestrations.grouprun", "change"): "cancel",
    ("orchestrations.audience", "change"): "read back, verify, forget",
    ("tenancy.sandbox", "change"): "pull, promote",
    ("api.apikey", "change"): "revoke",
    ("orchestrations.stream", "change"): "change, make and revoke keys",
    ("orchestrations.stream", "run"): "pause, resume, test",
    ("orchestrations.orchestration", "run"): "run, sample, retry",
    ("destinations.credential", "authorise"): "authorise",
}

WORDS = ("view", "add", "change", "delete", "test", "authorise", "plan", "run", "release", "download")

HEAD = """# Policies

Everybody who belongs to a tenant has one of four policies there, and options that add to it or take from it. This page
is printed from the table that the product itself reads (`manage.py policies > docs/policies.md`); a test walks every
cell of it through the real pages, for people of the same and of another tenant, for whom nothing of it exists.
"""

FOOT = """
Whoever may not see a kind of thing gets *403*, whoever belongs to another tenant *404*: the other tenant's things do
not exist. A platform superuser counts as an administrator of every tenant. Restricting wins over allowing. Nobody gives
somebody else more than they may do themselves, and nobody changes their own policy or options.

## Which destinations are open to whom

| on the destination | Administrator, Operator | Business User, Read Only | anybody with *Restrict PII access* |
|---|---|---|---|
| default | open | open | closed |
| *PII setting* | open | open | open |
| *Admin only* | open | closed | closed |
| *Admin only* and *PII setting* | open | closed | open to administrators and operators |

A destination that is closed to somebody does not exist for them, and neither do its orchestrations and runs: in lists,
pickers, when saving, running, planning, retrying, releasing, downloading, through the API and in commands that name
them with `--user`. When a schedule starts a run, the same is asked of the person in whose name it runs: if they may
not any more, the run is refused and stands in the list as failed with that reason, and its owner is told by e-mail
once. Nobody changes what such a schedule sends, by its query, orchestration or a promotion, who may not start its runs.

![The form of a destination, with business-user access at its end](images/destination.png)

## Restrict PII access

Personal values are masked for this person in previews, in rejected rows and downloads, and in the hash explainer, with
a sentence that says so; error details of TikTok are for administrators and operators. Which columns are personal is
told by the plugins' own fields, by their names and values when a file is uploaded, and by hand on the dataset's page;
whoever is restricted cannot unmark a column. Downloads of rejected rows are masked for everybody, and hold no values at
all for them. The numbers of a run or plan are shown to everybody who may run the query, so that somebody who knows an
address can learn whether it is in the data.

![The preview of a query, masked for somebody with restricted access](images/masked.png)
"""


def policies_markdown() -> str:
    """Return the page: what each policy may do, then what options do."""
    head = ["", *(policy.label for policy in Policy)]
    return (
        "\n".join(
            [
                HEAD,
                *_table(head, _policy_rows()),
                "",
                "## Options",
                "",
                *_table(["option", "adds", "takes"], _options()),
            ]
        )
        + f"\n{FOOT}"
    )


def _policy_rows() -> Iterator[list[str]]:
    for label, kind in KINDS.items():
        granted = {policy: cells(policy).get(label, frozenset()) for policy in Policy}
        for action in (word for word in WORDS if any(word in actions for actions in granted.values())):
            deed = DEEDS.get((label, action), action)
            yield [f"{kind}: {deed}", *("yes" if action in granted[policy] else "–" for policy in Policy)]


def _options() -> Iterator[list[str]]:
    for option in Option:
        added = "; ".join(_words(label, actions.split()) for label, actions in ADDED.get(option, {}).items())
        taken = "; ".join(_words(label, actions.split()) for label, actions in TAKEN.get(option, {}).items())
        yield [f"{option.label} (`{option.value}`)", added or "–", taken or "–"]


def _words(label: str, actions: Iterable[str]) -> str:
    kind = "everything" if label == "*" else KINDS[label].lower().replace("api", "API")
    return f"{kind}: {', '.join(DEEDS.get((label, action), action) for action in actions)}"


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines]


def kinds_missing() -> set[str]:
    """Return kinds of things in the table of policies that have no name here."""
    return {label for granted in (*TABLE.values(), *ADDED.values()) for label in granted} - set(KINDS)
