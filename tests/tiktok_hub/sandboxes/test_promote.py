"""From an edit in the sandbox to production, and what must not get there."""

import pytest
import yaml
from django.core.exceptions import PermissionDenied, ValidationError

from destinations.choices import CredentialStatus
from destinations.models import Credential, Destination
from orchestrations.choices import QueryStatus
from orchestrations.models import Dataset, Orchestration, Query, Run, Schedule
from orchestrations.schedules.timetables import Wish, schedule_save
from tests.tiktok_hub.sandboxes.conftest import edit, get
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.configuration import tenant_export
from tiktok_hub.sandboxes.comparing import Standing, sandbox_compare
from tiktok_hub.sandboxes.promoting import PromotionBlockedError, promotion_make
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.scope import tenant_scope

NEW_SQL = (
    "SELECT 'Purchase' AS event, placed AS timestamp, mail AS email, total AS value, 'USD' AS currency\nFROM orders"
)


def exported(tenant: Tenant) -> dict:
    """Return a tenant's export without what does not travel: who is in it, tokens, files."""
    tenant.refresh_from_db()
    document = yaml.safe_load(tenant_export(tenant))
    del document["users"], document["tenant"]["slug"], document["tenant"]["name"]
    for credential in document["credentials"]:
        credential.pop("access_token", None)
    for dataset in document["datasets"]:
        dataset.pop("sha256")
    return document


def rework(twin: Tenant) -> None:
    """Change one thing of each kind in the sandbox, add some, remove one."""
    edit(twin, Query, "purchases", sql=NEW_SQL)
    edit(twin, Destination, "store", description="All shops")
    edit(twin, Dataset, "orders", description="From the till")
    edit(twin, Orchestration, "keep", max_removal_percent=10)
    with tenant_scope(twin):
        Query.objects.create(tenant=twin, name="vip", sql="SELECT mail AS email FROM orders", status="active")
        Orchestration.objects.create(
            tenant=twin, name="vips", query=Query.objects.get(name="vip"), enabled=False, sync_mode="mirror",
            destination=Destination.objects.get(name="people"), settings={"audience_name": "VIP"},
        )  # fmt: skip
        Query.objects.get(name="spare").delete()
    twin.time_zone = "Europe/Paris"
    twin.save()


def problems(promote, **options) -> str:
    """Return what blocks a promotion."""
    with pytest.raises(PromotionBlockedError) as caught:
        promote(**options)
    return str(caught.value)


def test_what_was_edited_in_the_sandbox_is_what_production_exports(sandbox, production, promote, other):
    before, elsewhere = exported(sandbox.twin), tenant_export(other)
    rework(sandbox.twin)
    wanted = exported(sandbox.twin)
    assert wanted != before
    promote(remove=True)
    assert exported(production) == wanted
    assert exported(sandbox.twin) == wanted
    assert sandbox_compare(sandbox).deviations == ()
    assert tenant_export(other) == elsewhere


def test_a_second_promotion_has_nothing_to_do(sandbox, production, promote):
    rework(sandbox.twin)
    promote(remove=True)
    text = tenant_export(production)
    assert promote().changes == ()
    assert tenant_export(production) == text


def test_tokens_and_data_of_production_stay_as_they_are(sandbox, production, promote):
    digest, token = get(production, Dataset, "orders").digest, get(production, Credential, "events").access_token
    rework(sandbox.twin)
    edit(sandbox.twin, Credential, "events", description="Shops", access_token="sandbox-token")
    promote(remove=True)
    credential, dataset = get(production, Credential, "events"), get(production, Dataset, "orders")
    assert (credential.description, credential.access_token, credential.is_usable) == ("Shops", token, True)
    assert (dataset.description, dataset.digest, dataset.rows) == ("From the till", digest, 2)


def test_nothing_is_removed_unless_somebody_asks(sandbox, production, promote):
    rework(sandbox.twin)
    promote()
    assert get(production, Query, "spare") is not None
    [left] = sandbox_compare(sandbox).deviations
    assert (left.change.kind, left.change.name, left.standing) == ("removed", "spare", Standing.OURS)


def test_people_of_the_sandbox_do_not_get_into_production(sandbox, production, promote, charlie):
    rework(sandbox.twin)
    with tenant_scope(sandbox.twin):
        Membership.objects.create(tenant=sandbox.twin, user=charlie, policy=Policy.ADMINISTRATOR)
    promote()
    with tenant_scope(production):
        assert not Membership.objects.filter(user=charlie).exists()


def test_a_promoted_schedule_runs_in_the_name_of_who_promoted_it(
    sandbox, production, promote, bea, deputy, membership_in
):
    with tenant_scope(sandbox.twin):
        keep = Orchestration.objects.get(name="keep")
        schedule_save(orchestration=keep, wish=Wish(time_zone="UTC", cron="0 1 * * *"), user=bea)
    dora = deputy(Policy.OPERATOR)
    promote(membership=membership_in(dora, production))
    with tenant_scope(production):
        assert Schedule.objects.get(orchestration__name="keep").set_by == dora


def test_a_promotion_is_in_the_log_of_both_with_message_and_changes(sandbox, production, promote):
    edit(sandbox.twin, Query, "spare", description="Try")
    promote(message="  Describe\nit ")
    for tenant in (production, sandbox.twin):
        with tenant_scope(tenant):
            entry = Entry.objects.get(action=Action.SANDBOX_PROMOTED)
        assert entry.changes == [
            {"field": "message", "old": None, "new": "Describe it"},
            {"field": "query spare: description", "old": "", "new": "Try"},
        ]


@pytest.mark.parametrize("message", ["", " \n ", "x" * 501], ids=["none", "blank", "endless"])
def test_a_promotion_needs_a_message(sandbox, production, promote, message):
    edit(sandbox.twin, Query, "spare", description="Try")
    with pytest.raises(ValidationError):
        promote(message=message)
    assert get(production, Query, "spare").description == ""


def test_a_column_that_a_destination_needs_and_the_query_lost_blocks(sandbox, production, promote):
    edit(sandbox.twin, Query, "purchases", sql="SELECT mail AS email FROM orders")
    before = tenant_export(production)
    assert "orchestrations[send].query" in problems(promote)
    assert tenant_export(production) == before


def test_a_column_that_productions_table_does_not_have_blocks(sandbox, production, promote):
    edit(sandbox.twin, Query, "buyers", sql="SELECT loyalty_mail AS email FROM orders")
    assert "loyalty_mail" in problems(promote)


def test_a_dataset_that_production_does_not_have_blocks_what_reads_it(sandbox, promote):
    with tenant_scope(sandbox.twin):
        orders = Dataset.objects.get(name="orders")
        Dataset.objects.create(
            tenant=sandbox.twin, name="visits", path=orders.path, columns=orders.columns, loaded_at=orders.loaded_at
        )
    assert promote().changes == ()
    edit(sandbox.twin, Query, "buyers", sql="SELECT mail AS email FROM visits")
    assert "visits" in problems(promote)


def test_a_draft_that_an_enabled_orchestration_needs_blocks(sandbox, promote):
    edit(sandbox.twin, Query, "buyers", status=QueryStatus.DRAFT)
    assert "is a draft" in problems(promote)


def test_a_credential_without_a_token_in_production_blocks(sandbox, production, promote):
    edit(production, Credential, "ads", access_token="", status=CredentialStatus.PENDING)
    edit(sandbox.twin, Destination, "people", description="All")
    assert "tokens do not travel" in problems(promote)


def test_a_credential_that_is_missing_in_production_blocks(sandbox, promote):
    with tenant_scope(sandbox.twin):
        new = Credential.objects.create(tenant=sandbox.twin, name="new", type="tiktok", access_token="x")
    edit(sandbox.twin, Destination, "people", credential=new)
    assert "“new” is missing in production" in problems(promote)


def test_two_orchestrations_for_one_audience_block(sandbox, promote):
    with tenant_scope(sandbox.twin) as twin:
        keep = Orchestration.objects.get(name="keep")
        Orchestration.objects.create(tenant=twin, name="again", query=keep.query, destination=keep.destination)
    assert "keeps the same audience" in problems(promote)


def test_what_was_changed_in_production_too_blocks(sandbox, production, promote):
    edit(sandbox.twin, Query, "spare", description="ours")
    edit(production, Query, "spare", description="theirs")
    assert "changed in production too" in problems(promote)
    assert get(production, Query, "spare").description == "theirs"


def test_a_name_that_both_have_taken_blocks(sandbox, production, promote):
    for tenant, sql in ((sandbox.twin, "SELECT 1 AS one"), (production, "SELECT 2 AS two")):
        with tenant_scope(tenant):
            Query.objects.create(tenant=tenant, name="fresh", sql=sql, status="active")
    assert "queries[fresh]: This was changed in production too" in problems(promote)


def test_what_only_production_changed_is_left_as_it_is(sandbox, production, promote):
    edit(sandbox.twin, Query, "spare", description="ours")
    edit(production, Query, "buyers", description="theirs")
    with tenant_scope(production):
        Query.objects.create(tenant=production, name="late", sql="SELECT 1 AS one")
    promote(remove=True)
    assert get(production, Query, "buyers").description == "theirs"
    assert get(production, Query, "late") is not None
    assert {each.standing for each in sandbox_compare(sandbox).deviations} == {Standing.THEIRS}


def test_what_production_still_uses_is_not_removed(sandbox, production, promote):
    with tenant_scope(sandbox.twin):
        Query.objects.get(name="spare").delete()
    with tenant_scope(production):
        Orchestration.objects.create(
            tenant=production, name="late", query=Query.objects.get(name="spare"), enabled=False,
            destination=Destination.objects.get(name="people"), settings={"audience_name": "Late"},
        )  # fmt: skip
    assert "“late” uses it in production" in problems(promote, remove=True)


def test_an_orchestration_that_runs_is_not_removed(sandbox, production, promote):
    with tenant_scope(sandbox.twin):
        Orchestration.objects.get(name="keep").delete()
    with tenant_scope(production):
        keep = Orchestration.objects.get(name="keep")
        Run.objects.create(tenant=production, orchestration=keep, inputs={})
    assert "not finished" in problems(promote, remove=True)


@pytest.mark.parametrize(
    ("model", "name", "fields", "policy", "options"),
    [
        pytest.param(Destination, "store", {"admin_only": True}, Policy.BUSINESS_USER, {}, id="destination"),
        pytest.param(Credential, "events", {"description": "x"}, Policy.BUSINESS_USER, {}, id="credential"),
        pytest.param(Query, "spare", {"description": "x"}, Policy.READ_ONLY, {}, id="query"),
        pytest.param(Dataset, "orders", {"columns": []}, Policy.OPERATOR, {"restrict_pii": True}, id="marks"),
        pytest.param(
            Orchestration, "keep", {"description": "x"}, Policy.OPERATOR, {"restrict_pii": True}, id="not open"
        ),
    ],
)
def test_a_promotion_needs_the_rights_to_what_it_writes(
    sandbox, production, promote, deputy, membership_in, model, name, fields, policy, options
):
    if model is Dataset:
        columns = get(sandbox.twin, Dataset, name).columns
        fields = {"columns": [{**column, "pii": False} for column in columns]}
    edit(sandbox.twin, model, name, **fields)
    member = membership_in(deputy(policy, **options), production)
    before = tenant_export(production)
    assert any(word in problems(promote, membership=member) for word in ("You may not", "not open to you"))
    assert tenant_export(production) == before


def test_the_time_zone_needs_an_administrator(sandbox, promote, deputy, production, membership_in):
    sandbox.twin.time_zone = "Europe/Paris"
    sandbox.twin.save()
    assert "change this tenant" in problems(promote, membership=membership_in(deputy(Policy.OPERATOR), production))


def test_a_schedule_needs_the_right_to_run(sandbox, production, promote, deputy, membership_in):
    with tenant_scope(sandbox.twin):
        keep = Orchestration.objects.get(name="keep")
        schedule_save(orchestration=keep, wish=Wish(time_zone="UTC", cron="0 1 * * *"), user=None)
    member = membership_in(deputy(Policy.OPERATOR, restrict_data_exports=True), production)
    assert "may not start runs" in problems(promote, membership=member)


def test_a_query_that_schedules_may_send_needs_the_right_to_run(sandbox, production, promote, deputy, membership_in):
    edit(sandbox.twin, Query, "spare", description="ours")
    member = membership_in(deputy(Policy.OPERATOR, restrict_data_exports=True), production)
    assert "may not start runs" in problems(promote, membership=member)


def test_who_may_not_promote_does_not_whatever_they_are_in_the_sandbox(
    sandbox, promote, bea, production, membership_in
):
    edit(sandbox.twin, Query, "spare", description="ours")
    with tenant_scope(sandbox.twin):
        Membership.objects.filter(user=bea).update(policy=Policy.ADMINISTRATOR)
    with pytest.raises(PermissionDenied):
        promote(membership=membership_in(bea, production))


def test_a_promotion_of_something_else_than_was_seen_is_refused(sandbox, production, promote, admin):
    edit(sandbox.twin, Query, "spare", description="seen")
    seen = promotion_make(sandbox=sandbox, membership=admin).comparison.fingerprint
    edit(sandbox.twin, Query, "spare", description="unseen")
    with pytest.raises(ValidationError, match="meanwhile"):
        promote(seen=seen)
    assert get(production, Query, "spare").description == ""
