"""Tenants keep to themselves: scopes, URLs, policies, the platform."""

import pytest
from django.urls import reverse
from django_scopes.exceptions import ScopeError

from destinations.models import Credential, Destination, destinations_usable_by
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant, TenantMismatchError
from tiktok_hub.tenancy.policies import permissions
from tiktok_hub.tenancy.scope import tenant_scope


def test_a_query_outside_a_tenant_is_refused(acme):
    with pytest.raises(ScopeError):
        Credential.objects.count()


def test_a_row_cannot_be_written_into_another_tenant(acme, globex):
    with tenant_scope(acme), pytest.raises(TenantMismatchError):
        Credential.objects.create(tenant=globex, name="stray")


def test_a_row_cannot_point_into_another_tenant(acme, globex):
    with tenant_scope(globex):
        foreign = Credential.objects.create(tenant=globex, name="theirs")
    with tenant_scope(acme), pytest.raises(TenantMismatchError):
        Destination.objects.create(tenant=acme, name="ours", plugin="tiktok-ads-events", credential=foreign)


@pytest.mark.parametrize(
    ("slug", "status"),
    [
        pytest.param("acme", 200, id="own tenant"),
        pytest.param("globex", 404, id="somebody else's tenant"),
        pytest.param("nobody", 404, id="no tenant at all"),
    ],
)
def test_only_ones_own_tenant_exists(client_of, ada, globex, slug, status):
    assert client_of(ada).get(f"/{slug}/").status_code == status


def test_strangers_are_asked_to_log_in_whether_the_tenant_exists_or_not(client, acme):
    answers = [client.get(f"/{slug}/") for slug in ("acme", "nobody")]
    assert [answer.url for answer in answers] == ["/login/?next=/acme/", "/login/?next=/nobody/"]


def test_somebody_logs_in_and_lands_where_they_wanted_to_go(client, ada):
    assert client.get("/login/?next=/acme/").status_code == 200
    form = {"username": "Ada@acme.example", "password": "password"}
    assert client.post("/login/?next=/acme/", form).url == "/acme/"


def test_logging_out_ends_at_the_log_in_page(client_of, ada):
    browser = client_of(ada)
    assert browser.post("/acme/logout/").status_code == 302
    assert browser.get("/acme/").url == "/login/?next=/acme/"


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_password_page_of_the_tenant_is_the_hubs(client_of, ada, method):
    assert getattr(client_of(ada), method)("/acme/password_change/").url == "/account/password/"


def test_links_on_a_page_stay_in_its_tenant(client_of, ada):
    page = client_of(ada).get("/acme/").content.decode()
    assert 'href="/acme/destinations/destination/"' in page


def test_addresses_outside_a_request_carry_no_tenant(client_of, ada):
    client_of(ada).get("/acme/")
    assert reverse("login") == "/login/"


def test_somebody_with_one_tenant_goes_straight_there(client_of, ada):
    assert client_of(ada).get("/").url == "/acme/"


def test_somebody_with_two_tenants_chooses_and_can_switch(client_of, ada, globex):
    with tenant_scope(globex):
        Membership.objects.create(tenant=globex, user=ada, policy=Policy.READ_ONLY)
    browser = client_of(ada)
    assert "Globex" in browser.get("/").content.decode()
    assert 'href="/globex/"' in browser.get("/acme/").content.decode()


def test_the_switcher_names_no_tenant_of_others(client_of, ada, globex):
    assert "Globex" not in client_of(ada).get("/acme/").content.decode()


def test_permissions_depend_on_the_tenant(ada, acme, globex):
    with tenant_scope(globex):
        Membership.objects.create(tenant=globex, user=ada, policy=Policy.READ_ONLY)
        assert not ada.has_perm("destinations.add_credential")
    with tenant_scope(acme):
        assert ada.has_perm("destinations.add_credential")
    assert not ada.has_perm("destinations.add_credential")


@pytest.mark.parametrize("policy", [Policy.BUSINESS_USER, Policy.READ_ONLY])
def test_business_people_never_touch_credentials_or_members(policy):
    assert not [name for name in permissions(policy) if "credential" in name or "membership" in name]


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        pytest.param("ada", {"open", "admins", "masked"}, id="administrator"),
        pytest.param("bea", {"open", "masked"}, id="business user"),
        pytest.param("ben", {"masked"}, id="restricted business user"),
    ],
)
def test_business_user_access_decides_which_destinations_exist(request, acme, membership_in, person, expected):
    user = request.getfixturevalue(person)
    with tenant_scope(acme):
        credential = Credential.objects.create(tenant=acme, name="c")
        for name, options in {"open": {}, "admins": {"admin_only": True}, "masked": {"pii_setting": True}}.items():
            Destination.objects.create(tenant=acme, name=name, plugin="tiktok-ads", credential=credential, **options)
        assert {d.name for d in destinations_usable_by(membership_in(user, acme))} == expected


def test_admin_only_wins_over_pii_setting(acme, ben, membership_in):
    with tenant_scope(acme):
        credential = Credential.objects.create(tenant=acme, name="c")
        Destination.objects.create(
            tenant=acme, name="both", plugin="tiktok-ads", credential=credential, admin_only=True, pii_setting=True
        )
        assert not destinations_usable_by(membership_in(ben, acme)).exists()


def test_a_superuser_creates_a_tenant_and_becomes_its_administrator(client_of, root):
    form = {"name": "Initech", "slug": "initech", "time_zone": "UTC", "default_country": ""}
    client_of(root).post("/platform/tenancy/tenant/add/", form)
    tenant = Tenant.objects.get(slug="initech")
    with tenant_scope(tenant):
        assert Membership.objects.get().user == root


@pytest.mark.parametrize("slug", ["platform", "static", "UPPER", "two words", "oauth"])
def test_a_slug_that_would_hide_the_hubs_pages_is_refused(client_of, root, slug):
    form = {"name": "X", "slug": slug, "time_zone": "UTC", "default_country": ""}
    assert client_of(root).post("/platform/tenancy/tenant/add/", form).status_code == 200
    assert not Tenant.objects.exists()


def test_the_platform_does_not_exist_for_others(client_of, ada):
    assert client_of(ada).get("/platform/").status_code == 404


def test_a_member_is_added_by_inviting_them(client_of, ada, acme):
    assert client_of(ada).get("/acme/tenancy/membership/add/").url == "/acme/people/invitation/add/"


def test_the_last_administrator_stays(client_of, ada, acme, membership_in):
    member = membership_in(ada, acme)
    browser = client_of(ada)
    page = browser.post(f"/acme/tenancy/membership/{member.pk}/change/", {"policy": "read_only"})
    assert "last Datagrid Administrator" in page.content.decode()
    assert browser.post(f"/acme/tenancy/membership/{member.pk}/delete/", {"post": "yes"}).status_code == 403
