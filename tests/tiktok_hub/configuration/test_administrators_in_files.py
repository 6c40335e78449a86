"""Configuration files keep to the rules of user administration."""

from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

TENANT = "tenant: {slug: acme, name: Acme}\nusers:\n"
ADA, ANN = "  - {{email: ada@acme.example, policy: {}}}\n", "  - {{email: ann@acme.example, policy: {}}}\n"


def test_a_file_cannot_demote_the_last_administrator(mistakes, acme, ada):
    (mistake,) = mistakes(TENANT + ADA.format("read_only"))
    assert "Nobody would be left" in mistake["message"]
    with tenant_scope(acme):
        assert Membership.objects.get().policy == "datagrid_administrator"


def test_a_file_can_hand_administration_over(apply, acme, ada):
    apply(TENANT + ADA.format("read_only") + ANN.format("datagrid_administrator"))
    with tenant_scope(acme):
        assert Membership.objects.get(user=ada).policy == "read_only"
