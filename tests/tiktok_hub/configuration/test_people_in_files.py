"""What files say about people beside their policy: every option, and the tenant's second factor."""

import pytest

from tests.tiktok_hub.configuration.conftest import ACME, GLOBEX, edited
from tiktok_hub.configuration import tenant_export
from tiktok_hub.tenancy.choices import Option
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.scope import tenant_scope

BEN = "policy: business_user, restrict_pii: true"
NAME = "default_country: US"


def ben() -> Membership:
    """Return Ben's membership of Acme."""
    with tenant_scope(Tenant.objects.get(slug="acme")):
        return Membership.objects.get(user__email="ben@acme.example")


@pytest.mark.parametrize("option", list(Option), ids=lambda option: option.value)
def test_an_option_is_set_by_a_file_and_comes_back_in_the_export(apply, monkeypatch, option):
    monkeypatch.setenv("ACME_ACME_EVENTS_TOKEN", "marker-token-1")
    apply(edited(BEN, f"policy: business_user, {option.value}: true") + f"---\n{GLOBEX}")
    assert ben().options == {option}
    text = tenant_export(Tenant.objects.get(slug="acme"))
    assert f"{option.value}: true" in text
    assert "acme: nothing to change" in apply(text, dry_run=True)


def test_options_that_a_file_leaves_out_are_off(apply):
    apply(edited(BEN, f"{BEN}, allow_user_administration: true"))
    apply(edited(BEN, "policy: business_user"))
    assert ben().options == frozenset()


def test_a_required_second_factor_is_set_exported_and_left_out_again(apply, monkeypatch):
    monkeypatch.setenv("ACME_ACME_EVENTS_TOKEN", "marker-token-1")
    apply(edited(NAME, f"{NAME}, require_mfa: true") + f"---\n{GLOBEX}")
    assert list(Tenant.objects.filter(require_mfa=True).values_list("slug", flat=True)) == ["acme"]
    assert "require_mfa: true" in tenant_export(Tenant.objects.get(slug="acme"))
    assert "require_mfa: true → false" in apply(ACME)
