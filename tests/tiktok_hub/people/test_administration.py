"""User administration: a tenant keeps an administrator, and nobody gives more than they have."""

import threading
from contextlib import suppress

import pytest
from django.db import connections, transaction

from tests.conftest import person
from tiktok_hub.tenancy.administration import AdministrationError, membership_change_check, membership_remove_check
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, User
from tiktok_hub.tenancy.scope import tenant_scope

READ_ONLY = {"policy": "read_only"}


@pytest.fixture
def uma(acme) -> User:
    """A business user who may administer users."""
    return person(acme, "uma@acme.example", Policy.BUSINESS_USER, allow_user_administration=True)


@pytest.fixture
def change(client_of, acme, membership_in):
    """Change somebody's membership as somebody; return what it is then."""

    def post(by: User, target: User, **fields: str) -> Membership:
        pk = membership_in(target, acme).pk
        client_of(by).post(f"/acme/tenancy/membership/{pk}/change/", fields)
        return membership_in(target, acme)

    return post


def test_an_administrator_changes_policies_and_options(change, ada, olga):
    found = change(ada, olga, policy="business_user", restrict_downloads="on", allow_sandbox_administration="on")
    assert (found.policy, found.options) == ("business_user", {"restrict_downloads", "allow_sandbox_administration"})


def test_a_second_administrator_can_be_demoted(change, ada, acme):
    ann = person(acme, "ann@acme.example", Policy.ADMINISTRATOR)
    assert change(ada, ann, **READ_ONLY).policy == Policy.READ_ONLY


def test_nobody_changes_their_own_membership(change, acme, ada, uma):
    ann = person(acme, "ann@acme.example", Policy.ADMINISTRATOR)
    assert change(ann, ann, **READ_ONLY).policy == Policy.ADMINISTRATOR
    assert not change(uma, uma, policy="business_user", allow_user_administration="on", restrict_pii="on").restrict_pii


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"policy": "read_only"}, "read_only", id="less"),
        pytest.param({"policy": "business_user"}, "business_user", id="as much"),
        pytest.param({"policy": "datagrid_operator"}, "read_only", id="more"),
        pytest.param({"policy": "datagrid_administrator"}, "read_only", id="everything"),
        pytest.param(
            {"policy": "business_user", "allow_api_key_administration": "on"}, "read_only", id="an option more"
        ),
    ],
)
def test_a_user_administrator_gives_no_more_than_they_have(change, uma, rita, fields, expected):
    assert change(uma, rita, **fields).policy == expected


def test_a_user_administrator_who_sees_no_personal_data_lets_nobody_see_it(change, acme, rita):
    una = person(acme, "una@acme.example", Policy.BUSINESS_USER, allow_user_administration=True, restrict_pii=True)
    assert change(una, rita, policy="business_user").policy == Policy.READ_ONLY


def test_a_user_administrator_touches_nobody_who_may_do_more(change, client_of, acme, uma, olga, ada, membership_in):
    assert change(uma, olga, **READ_ONLY).policy == Policy.OPERATOR
    pk = membership_in(olga, acme).pk
    assert client_of(uma).post(f"/acme/tenancy/membership/{pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        pytest.param(["olga", "rita"], {"Ada"}, id="people who may go"),
        pytest.param(["ada", "olga"], {"Ada", "Olga", "Rita"}, id="the last administrator among them"),
    ],
)
def test_the_list_of_members_removes_what_the_rules_let_go(
    request, client_of, acme, ada, olga, rita, membership_in, chosen, left
):
    members = [membership_in(request.getfixturevalue(name), acme).pk for name in chosen]
    form = {"action": "delete_selected", "_selected_action": members, "post": "yes"}
    client_of(ada).post("/acme/tenancy/membership/", form)
    with tenant_scope(acme):
        assert {row.user.name for row in Membership.objects.select_related("user")} == left


@pytest.mark.parametrize(
    ("path", "form"),
    [
        pytest.param("{}/change/", {"email": "ada@acme.example", "name": "Ada"}, id="deactivate"),
        pytest.param("{}/delete/", {"post": "yes"}, id="delete"),
        pytest.param("", {"action": "delete_selected", "post": "yes"}, id="delete several"),
    ],
)
def test_the_platform_keeps_a_tenants_last_administrator(client_of, root, ada, path, form):
    address = f"/platform/tenancy/user/{path.format(ada.pk)}"
    client_of(root).post(address, {**form, "_selected_action": ada.pk})
    assert User.objects.get(pk=ada.pk).is_active


def test_somebody_who_is_inactive_does_not_count_as_an_administrator(acme, ada, membership_in):
    ann = person(acme, "ann@acme.example", Policy.ADMINISTRATOR)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    with tenant_scope(acme), transaction.atomic(), pytest.raises(AdministrationError, match="last Datagrid"):
        membership_remove_check(giver=membership_in(ann, acme), stored=membership_in(ada, acme))


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_demote_each_other_at_once(acme, ada):
    person(acme, "ann@acme.example", Policy.ADMINISTRATOR)
    barrier = threading.Barrier(2)

    def demote(email: str, by: str) -> None:
        barrier.wait()
        with suppress(AdministrationError), tenant_scope(acme), transaction.atomic():
            rows = Membership.objects.select_related("user", "tenant")
            stored, giver = rows.get(user__email=email), rows.get(user__email=by)
            membership_change_check(giver=giver, stored=stored, policy=Policy.READ_ONLY, options=[])
            stored.policy = Policy.READ_ONLY
            stored.save()
        connections.close_all()

    pairs = [("ada@acme.example", "ann@acme.example"), ("ann@acme.example", "ada@acme.example")]
    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with tenant_scope(acme):
        assert Membership.objects.filter(policy=Policy.ADMINISTRATOR).count() == 1
