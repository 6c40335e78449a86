"""Mistakes in configuration files: each named with its place, all at once, and nothing changed."""

from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet
from django_scopes import scopes_disabled

from destinations.models import Credential
from tests.tiktok_hub.configuration.conftest import ACME, GLOBEX, edited
from tests.tiktok_hub.configuration.test_apply import counts
from tiktok_hub.tenancy.models import Tenant

# The case | what stands in the document | what is put there | line | path | what is said. ⏎ is a new line.
MISTAKES = """
unknown key | policy: business | polcy: business | 4 | users[ben@acme.example] | Did you mean “policy”?
unknown section | queries: | querys: | 9 |  | Did you mean “queries”?
unknown tenant key | tenant: {slug: acme, | tenant: {slag: acme, | 1 | tenant | “slag”
no tenant | tenant: | tenants: | 1 |  | does not say whose it is
policy | business_user | busines_user | 4 | users[ben@acme.example].policy | Did you mean “business_user”?
boolean | restrict_pii: true | restrict_pii: maybe | 4 | users[ben@acme.example].restrict_pii | true or false
e-mail | email: ben@acme.example | email: ben | 4 | users[ben].email | valid email
same person twice | ben@acme.example | ADA@acme.example | 4 | users[ADA@acme.example].email | on line 3
time zone | New_York | New_Yrk | 1 | tenant.time_zone | IANA
slug | slug: acme | slug: Acme! | 1 | tenant.slug | valid
reserved slug | slug: acme | slug: login | 1 | tenant.slug | used by the hub
boolean for text | name: Acme Retail | name: true | 1 | tenant.name | must be a text
list for text | name: Acme Retail | name: [Acme] | 1 | tenant.name | is a list
new tenant without name | name: Acme Retail,  |  | 1 | tenant | “name” is needed
variable | ${TIKTOK_TOKEN} | ${TIKTOK_TOKN} | 6 | credentials[acme-events].access_token | TIKTOK_TOKN is not set
odd variable | ${TIKTOK_TOKEN} | ${1} | 6 | credentials[acme-events].access_token | $${
token | ${TIKTOK_TOKEN} | two words | 6 | credentials[acme-events].access_token | one word
credential type | tiktok-offline-events, | tiktok-offline, | 6 | credentials[acme-events].type | Did you mean
other type | tiktok-offline-events, | tiktok, | 12 | destinations[store].credential | needs a credential of type
missing file | file: orders.csv | file: order.csv | 8 | datasets[orders].file | There is no file
folder | file: orders.csv | file: . | 8 | datasets[orders].file | cannot be read
table name | name: orders, | name: my orders, | 8 | datasets[my orders].name | table name
pii column | orders.csv} | orders.csv, pii: [mial]} | 8 | datasets[orders].pii | Did you mean “mail”?
digest | orders.csv} | orders.csv, sha256: abc} | 8 | datasets[orders].sha256 | other content
table in SQL | FROM orders | FROM order_items | 10 | queries[purchases].sql | no dataset named
SQL | SELECT 'Pur | SELEC 'Pur | 10 | queries[purchases].sql | mistake
column in SQL | mail AS email | male AS email | 10 | queries[purchases].sql | no column “male”
column for the plugin | mail AS email | mail AS e | 15 | orchestrations[send].query | does not fit
draft | FROM orders"} | FROM orders", status: draft} | 15 | orchestrations[send].query | is a draft
plugin | plugin: tiktok-ads-events | plugin: tiktok-ads-event | 12 | destinations[store].plugin | Did you mean
missing key | plugin: tiktok-ads-events,  |  | 12 | destinations[store] | “plugin” is missing
credential | credential: acme-events | credential: acme-event | 12 | destinations[store].credential | “acme-events”?
setting | advertiser_id: | advertizer_id: | 13 | destinations[store].settings.advertizer_id | advertiser_id?
float id | "7654321098765432109" | 7.654e18 | 13 | destinations[store].settings.advertiser_id | quotes
short id | "7654321098765432109" | 12 | 13 | destinations[store].settings.advertiser_id | 19-digit
choice | event_source: offline | event_source: ofline | 13 | destinations[store].settings.event_source | offline
query | query: purchases | query: purchase | 15 | orchestrations[send].query | Did you mean “purchases”?
destination | destination: store | destination: stores | 15 | orchestrations[send].destination | Did you mean “store”?
override | {event_source_id: | {event_source: | 15 | orchestrations[send].settings.event_source | cannot set
unset | {event_source_id: "7654321098765432100"} | {} | 15 | orchestrations[send].settings.event_source_id | required
key twice | {name: orders, | {name: orders, name: orders2, | 8 |  | stands here already, on line 8
name twice | queries:⏎ | queries:⏎  - {name: purchases, sql: FROM orders}⏎ | 11 | queries[purchases].name | on line 10
alias of itself | users:⏎ | users: &a⏎  - *a⏎ | 2 |  | too large
tag | Acme Retail | !!python/name:os.system x | 1 |  | not allowed
syntax | Acme Retail | Acme: Retail | 1 |  | not valid YAML
depth | users:⏎ | users: [[[[[[[[[[[[[[[[[[1]]⏎users:⏎ | 2 |  | nested too deeply
key that is a list | {slug: acme | {slug: acme, ? [a] : b | 1 |  | A key must be a word
variable without quotes | "${TIKTOK_TOKEN}" | ${TIKTOK_TOKEN} | 6 |  | with quotes
"""


def table(text: str) -> Iterator[ParameterSet]:
    """Yield the cases of a table, one from each line."""
    for row in text.strip().splitlines():
        name, old, new, line, path, said = (cell.strip().replace("⏎", "\n") for cell in row.split("|"))
        yield pytest.param(old, new, int(line), path, said, id=name)


@pytest.mark.parametrize(("old", "new", "line", "path", "said"), list(table(MISTAKES)))
def test_a_mistake_is_told_with_its_line_and_path(mistakes, old, new, line, path, said):
    before = counts()
    found = mistakes(edited(old, new))
    assert (line, path) in {(each["line"], each["path"]) for each in found}
    assert any(said in each["message"] for each in found if (each["line"], each["path"]) == (line, path))
    assert counts() == before


def test_all_mistakes_of_all_files_are_told_together_in_their_order(mistakes, write):
    wrong = edited("policy: business_user", "policy: boss", edited("FROM orders", "FROM order_items"))
    found = mistakes(write(wrong, "a.yaml"), write(GLOBEX.replace("slug: globex", "slug: Globex!"), "b.yaml"))
    places = [(each["file"].rpartition("/")[2], each["line"]) for each in found]
    assert places == [("a.yaml", 4), ("a.yaml", 10), ("b.yaml", 1)]


def test_one_mistake_is_one_sentence_and_not_also_those_that_follow_from_it(mistakes):
    assert len(mistakes(edited("file: orders.csv", "file: order.csv"))) == 1
    assert len(mistakes(edited("plugin: tiktok-ads-events", "plugin: nothing"))) == 1


def test_a_tenant_described_twice_is_a_mistake(mistakes):
    assert "described already" in mistakes(f"{GLOBEX}---\n{GLOBEX}")[0]["message"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "holds no document", id="empty"),
        pytest.param(b"# only a comment\n", "holds no document", id="comment"),
        pytest.param(b"- a list\n", "mapping", id="list"),
        pytest.param(b"tenant: {slug: a\xff}\n", "UTF-8", id="not UTF-8"),
        pytest.param(b"tenant: {slug: a\x07}\n", "UTF-8", id="control character"),
        pytest.param(b"#" * 1_000_001, "larger than", id="too large"),
        pytest.param(b"tenant: {slug: acme", "not valid YAML", id="cut off"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(mistakes, tmp_path, content, said):
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    assert said in mistakes(path)[0]["message"]


def test_a_file_that_is_not_there_is_named(mistakes, tmp_path):
    found = mistakes(tmp_path / "nowhere.yaml")
    assert (found[0]["file"], found[0]["message"]) == (str(tmp_path / "nowhere.yaml"), "There is no such file.")


def test_aliases_that_multiply_are_refused(mistakes):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for one, other in zip("abcde", "bcdef", strict=True):
        bomb += f"{other}: &{other} [{', '.join([f'*{one}'] * 10)}]\n"
    assert any("too large" in each["message"] for each in mistakes(bomb))


def test_a_mistake_never_shows_what_the_environment_holds(mistakes, monkeypatch):
    monkeypatch.setenv("TIKTOK_TOKEN", "marker token")
    wrong = edited("policy: business_user", 'policy: "${TIKTOK_TOKEN}"', edited("true}", '"${TIKTOK_TOKEN}"}'))
    found = mistakes(wrong)
    assert len(found) == 3
    assert not any("marker" in each["message"] for each in found)


def test_a_mistake_in_a_second_apply_leaves_everything_as_it_was(apply, mistakes, monkeypatch):
    apply(f"{ACME}---\n{GLOBEX}")
    monkeypatch.setenv("TIKTOK_TOKEN", "marker-token-2")
    mistakes(f"{edited('Acme Retail', 'Acme Two')}---\n{GLOBEX.replace('datagrid_administrator', 'boss')}")
    assert Tenant.objects.get(slug="acme").name == "Acme Retail"
    with scopes_disabled():
        assert Credential.objects.get(tenant__slug="acme").access_token.reveal() == "marker-token-1"


def test_a_name_of_another_tenant_is_no_reference(apply, mistakes):
    apply(ACME)
    found = mistakes(
        GLOBEX + "destinations:\n  - {name: x, plugin: tiktok-ads-events, credential: acme-event, settings: "
        '{advertiser_id: "7654321098765432109", event_source: offline}}\n'
        "orchestrations:\n  - {name: y, query: purchases, destination: x}\n"
    )
    assert [each["path"] for each in found] == ["destinations[x].credential", "orchestrations[y].query"]
