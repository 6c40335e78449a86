"""The tenant's first page."""

import pytest

from destinations.choices import CredentialStatus
from destinations.models import Credential
from tests.orchestrations.admin.conftest import text
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.mark.parametrize(("name", "offers"), [("ada", True), ("olga", True), ("bea", False), ("rita", False)])
def test_first_steps_link_to_what_a_policy_may_do(acme, request, person, name, offers):
    request.getfixturevalue(name)
    page = text(person(name).get("/acme/"))
    assert "First steps" in page
    assert ("/acme/destinations/credential/add/" in page) == offers


def test_first_steps_go_when_everything_has_run(finished, person):
    assert "First steps" not in text(person("ada").get("/acme/"))


def test_recent_runs_and_their_days_are_shown(finished, person):
    page = text(person("bea").get("/acme/"))
    assert f"/acme/orchestrations/run/{finished.pk}/change/" in page
    assert "Last 14 days" in page


def test_runs_of_closed_destinations_are_not_shown(finished, person):
    page = text(person("ben").get("/acme/"))
    assert "purchases-to-tiktok" not in page
    assert "Last 14 days" not in page


@pytest.mark.parametrize(("name", "told"), [("ada", True), ("bea", False)])
def test_credentials_that_need_attention_are_named_to_those_who_can_act(ready, person, name, told):
    with tenant_scope(ready.tenant):
        Credential.objects.update(status=CredentialStatus.EXPIRED, problem="The token was revoked.")
    assert ("The token was revoked." in text(person(name).get("/acme/"))) == told


def test_another_tenants_overview_does_not_exist(acme, charlie, person):
    assert person("charlie").get("/acme/").status_code == 404


def test_pages_load_nothing_from_elsewhere(finished, person):
    for address in ("/acme/", f"/acme/orchestrations/run/{finished.pk}/change/"):
        page = text(person("ada").get(address))
        assert 'src="http' not in page
        assert 'rel="stylesheet" href="http' not in page
