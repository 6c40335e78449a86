"""What a configuration file makes of a tenant."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection
from django_scopes import scopes_disabled

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.models import Dataset, Orchestration, Query
from tests.tiktok_hub.configuration.conftest import ACME, GLOBEX, ORDERS, edited
from tiktok_hub.configuration import plans_apply, plans_open
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import tenant_scope

KINDS = (Membership, Credential, Dataset, Query, Destination, Orchestration)


def counts() -> list[int]:
    """Count everything of all tenants."""
    with scopes_disabled():
        return [Tenant.objects.count(), User.objects.count(), *(kind.objects.count() for kind in KINDS)]


@pytest.fixture
def inside(apply):
    """Apply the document and open its tenant's scope."""
    apply(ACME)
    with tenant_scope(Tenant.objects.get(slug="acme")) as tenant:
        yield tenant


def test_apply_creates_the_tenant_and_its_people(inside):
    assert (inside.name, inside.time_zone, inside.default_country) == ("Acme Retail", "America/New_York", "US")
    members = {row.user.email: (row.policy, row.restrict_pii) for row in Membership.objects.select_related("user")}
    assert members == {
        "ada@acme.example": ("datagrid_administrator", False),
        "ben@acme.example": ("business_user", True),
    }


def test_apply_stores_the_token_encrypted_and_ready_for_runs(inside):
    credential = Credential.objects.get(name="acme-events")
    assert credential.access_token.reveal() == "marker-token-1"
    assert "marker-token-1" not in credential.access_token.ciphertext
    assert credential.is_usable


def test_apply_loads_the_file_beside_the_document(inside):
    dataset = Dataset.objects.get(name="orders")
    assert (dataset.rows, dataset.filename, dataset.pii_columns) == (2, "orders.csv", {"mail"})


def test_apply_notes_what_a_query_returns(inside):
    assert [column["name"] for column in Query.objects.get().columns] == ["event", "timestamp", "email"]


def test_apply_joins_query_and_destination(inside):
    orchestration = Orchestration.objects.select_related("query", "destination").get()
    assert (orchestration.query.name, orchestration.destination.name) == ("purchases", "store")
    assert orchestration.settings == {"event_source_id": "7654321098765432100"}
    assert orchestration.destination.settings["advertiser_id"] == "7654321098765432109"


def test_a_second_apply_finds_nothing_to_change(apply):
    apply(ACME)
    before = counts()
    assert "acme: nothing to change" in apply(ACME)
    assert counts() == before


def test_a_dry_run_shows_what_would_be_and_changes_nothing(apply):
    before = counts()
    text = apply(ACME, dry_run=True)
    assert "+ orchestration send" in text
    assert "Dry run: nothing was changed." in text
    assert counts() == before


def test_two_documents_make_two_tenants_that_keep_their_own(apply):
    apply(f"{ACME}---\n{GLOBEX}")
    with scopes_disabled():
        tokens = {row.tenant.slug: row.access_token.reveal() for row in Credential.objects.select_related("tenant")}
    assert tokens == {"acme": "marker-token-1", "globex": "globex-token"}


def test_several_files_are_applied_together(apply, write):
    apply(write(ACME, "acme.yaml"), write(GLOBEX, "globex.yaml"))
    assert set(Tenant.objects.values_list("slug", flat=True)) == {"acme", "globex"}


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        pytest.param("America/New_York", "Europe/Paris", "time_zone: America/New_York → Europe/Paris", id="tenant"),
        pytest.param("restrict_pii: true", "restrict_pii: no", "restrict_pii: true → false", id="user"),
        pytest.param("settings: {ad", "admin_only: true, settings: {ad", "admin_only: false → true", id="destination"),
        pytest.param("offline}}", "offline, max_age_days: 7}}", "settings.max_age_days: 28 → 7", id="setting"),
        pytest.param("orders.csv}", "orders.csv, pii: [order]}", "pii: mail → order", id="dataset"),
        pytest.param("query: purchases,", "query: purchases, description: A,", "description: (none) → A", id="text"),
    ],
)  # fmt: skip
def test_a_changed_value_is_shown_and_stored(apply, old, new, shown):
    apply(ACME)
    assert shown in apply(edited(old, new))
    assert "nothing to change" in apply(edited(old, new))


def test_what_is_left_out_of_an_item_has_its_default_again(apply, inside):
    apply(edited("restrict_pii: true", "restrict_pii: false"))
    assert not Membership.objects.get(user__email="ben@acme.example").restrict_pii
    apply(ACME)
    apply(edited(", restrict_pii: true", ""))
    assert not Membership.objects.get(user__email="ben@acme.example").restrict_pii


def test_what_the_file_does_not_name_is_left_alone_and_mentioned(apply, inside):
    Query.objects.create(tenant=inside, name="handmade", sql="SELECT 1 AS one")
    assert "not in the file, left alone: query handmade" in apply(ACME)
    assert Query.objects.filter(name="handmade").exists()


def test_a_file_with_other_content_is_loaded_again(apply, inside, tmp_path):
    first = Dataset.objects.get().path
    (tmp_path / "orders.csv").write_text(ORDERS + "A-3,2026-01-03T10:00:00Z,cy@mail.example,7\n")
    assert "~ dataset orders" in apply(ACME)
    dataset = Dataset.objects.get()
    assert dataset.rows == 3
    assert dataset.path != first


def test_a_reloaded_file_keeps_the_marks_that_people_gave_its_columns(apply, inside, tmp_path):
    apply(edited("orders.csv}", "orders.csv, pii: [order]}"))
    (tmp_path / "orders.csv").write_text(ORDERS + "A-3,2026-01-03T10:00:00Z,cy@mail.example,7\n")
    apply(ACME)
    assert Dataset.objects.get().pii_columns == {"order"}


def test_a_query_over_a_reloaded_file_has_its_new_columns(apply, inside, tmp_path):
    document = edited("placed AS timestamp", "placed AS timestamp, total AS value")
    apply(document)
    (tmp_path / "orders.csv").write_text(ORDERS.replace("19.90", "many").replace(",5\n", ",few\n"))
    apply(document)
    assert {"name": "value", "type": "VARCHAR"} in Query.objects.get().columns


def test_a_new_token_revives_a_parked_credential(apply, inside, monkeypatch):
    Credential.objects.update(status=CredentialStatus.EXPIRED, problem="revoked")
    assert "nothing to change" in apply(ACME)
    monkeypatch.setenv("TIKTOK_TOKEN", "marker-token-2")
    apply(ACME)
    credential = Credential.objects.get()
    assert (credential.status, credential.problem) == (CredentialStatus.AUTHORISED, "")


def test_a_document_without_a_token_leaves_the_token_alone(apply, inside):
    apply(edited(', access_token: "${TIKTOK_TOKEN}"', ""))
    assert Credential.objects.get().access_token.reveal() == "marker-token-1"


def test_a_password_is_set_once_and_compared_afterwards(apply, monkeypatch):
    monkeypatch.setenv("ADA", "marker-password")
    document = edited("policy: datagrid_administrator}", 'policy: datagrid_administrator, password: "${ADA}"}')
    apply(document)
    stored = User.objects.get(email="ada@acme.example").password
    assert "nothing to change" in apply(document)
    assert User.objects.get(email="ada@acme.example").password == stored
    assert User.objects.get(email="ada@acme.example").check_password("marker-password")


def test_a_person_of_two_tenants_is_one_user(apply):
    apply(f"{ACME}---\n{GLOBEX.replace('charlie@globex', 'ADA@acme')}")
    assert User.objects.filter(email="ada@acme.example").count() == 1
    with scopes_disabled():
        assert Membership.objects.filter(user__email="ada@acme.example").count() == 2


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_diff_shows_secrets_as_dots(apply, monkeypatch, as_json):
    apply(ACME)
    monkeypatch.setenv("TIKTOK_TOKEN", "marker-token-2")
    text = apply(ACME, as_json=as_json)
    assert "access_token" in text
    assert "marker-token" not in text


def test_an_id_may_be_written_as_a_number_and_keeps_every_digit(apply):
    apply(edited('"7654321098765432109"', "7654321098765432109"))
    with scopes_disabled():
        assert Destination.objects.get().settings["advertiser_id"] == "7654321098765432109"


def test_a_country_called_no_is_a_country(apply):
    apply(edited("default_country: US", "default_country: NO"))
    assert Tenant.objects.get().default_country == "NO"


def test_a_doubled_dollar_keeps_a_variable_from_being_filled_in(apply):
    apply(edited("Acme Retail", '"$${TIKTOK_TOKEN}"'))
    assert Tenant.objects.get().name == "${TIKTOK_TOKEN}"


def test_a_column_that_means_nothing_to_the_plugin_is_mentioned(apply):
    assert "Did you mean phone?" in apply(edited("mail AS email", "mail AS email, total AS phon"))


def test_a_disabled_orchestration_may_wait_for_a_draft_query(apply):
    document = edited('FROM orders"}', 'FROM orders", status: draft}')
    apply(edited("query: purchases,", "query: purchases, enabled: false,", document))
    with scopes_disabled():
        assert Query.objects.get().status == "draft"


def test_what_fails_on_the_way_leaves_no_row_and_no_file(write):
    folder = Path(default_storage.path(""))
    before = counts(), sorted(folder.rglob("*.parquet"))
    with plans_open([write(f"{ACME}---\n{GLOBEX}")]) as plans:
        plans[1].wanted["users"]["charlie@globex.example"]["policy"] = None
        with pytest.raises(IntegrityError):
            plans_apply(plans)
    assert (counts(), sorted(folder.rglob("*.parquet"))) == before


def test_a_database_without_tables_is_one_sentence(write):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenancy_tenant RENAME TO elsewhere")
    with pytest.raises(CommandError, match="Is it migrated"):
        call_command("hub_apply", str(write(GLOBEX)))
