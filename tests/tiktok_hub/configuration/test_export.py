"""What an export holds, and that it comes back without a difference."""

from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError

from destinations.models import Credential
from orchestrations.models import Query
from tests.tiktok_hub.configuration.conftest import ACME, GLOBEX
from tiktok_hub.configuration import tenant_export
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import tenant_scope

VARIABLE = "ACME_ACME_EVENTS_TOKEN"


@pytest.fixture
def acme_applied(apply) -> Tenant:
    """Acme as its document describes it, beside Globex."""
    apply(f"{ACME}---\n{GLOBEX}")
    return Tenant.objects.get(slug="acme")


def test_an_export_comes_back_without_a_difference(apply, acme_applied, monkeypatch):
    monkeypatch.setenv(VARIABLE, "marker-token-1")
    assert "acme: nothing to change" in apply(tenant_export(acme_applied), dry_run=True)


def test_an_export_comes_back_without_the_files_of_datasets(apply, acme_applied, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, "marker-token-1")
    (tmp_path / "orders.csv").unlink()
    assert "acme: nothing to change" in apply(tenant_export(acme_applied), dry_run=True)


def test_an_export_makes_the_same_tenant_elsewhere(apply, acme_applied, monkeypatch):
    monkeypatch.setenv(VARIABLE, "marker-token-1")
    text = tenant_export(acme_applied)
    apply(text.replace("slug: acme", "slug: acme-sandbox"))
    copy = tenant_export(Tenant.objects.get(slug="acme-sandbox"))
    assert copy.replace("acme-sandbox", "acme").replace("ACME_SANDBOX_", "ACME_") == text


def test_an_export_holds_no_secret_and_nothing_of_another_tenant(acme_applied):
    text = tenant_export(acme_applied)
    assert f"access_token: ${{{VARIABLE}}}" in text
    assert "marker-token" not in text
    assert "globex" not in text


def test_a_token_that_was_granted_at_tiktok_is_not_asked_for(apply, acme_applied):
    with tenant_scope(acme_applied):
        Credential.objects.update(pasted=False)
    text = tenant_export(acme_applied)
    assert "access_token:" not in text
    assert "acme: nothing to change" in apply(text, dry_run=True)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 AS one\n  -- more\nFROM range(3)",
        "SELECT '${HOME} $${X} NO 1e3: # - é “”' AS one",
        "SELECT 1 AS one \n, 2 AS two",
        "SELECT '\t' AS one",
    ],
    ids=["lines", "signs", "blank at the end of a line", "tab"],
)
def test_every_text_survives_the_way_out_and_back(apply, acme_applied, monkeypatch, text):
    monkeypatch.setenv(VARIABLE, "marker-token-1")
    with tenant_scope(acme_applied):
        Query.objects.create(tenant=acme_applied, name="odd ${name}", sql=text, description="NO", status="active")
    exported = tenant_export(acme_applied)
    assert yaml.safe_load(exported)
    assert "acme: nothing to change" in apply(exported, dry_run=True)


def test_two_credentials_have_two_variables(apply, acme_applied):
    with tenant_scope(acme_applied):
        Credential.objects.create(tenant=acme_applied, name="acme events", access_token="other", pasted=True)
    text = tenant_export(acme_applied)
    assert f"${{{VARIABLE}}}" in text
    assert f"${{{VARIABLE}_2}}" in text


def test_the_command_writes_a_file_that_its_owner_alone_reads(acme_applied, tmp_path):
    path = tmp_path / "out.yaml"
    call_command("hub_export", "acme", output=path)
    assert path.read_text() == tenant_export(acme_applied)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_command_suggests_the_tenant_that_was_meant(acme_applied):
    with pytest.raises(CommandError, match="Did you mean “acme”") as caught:
        call_command("hub_export", "acne", stdout=StringIO())
    assert caught.value.returncode == 2
