"""The API: the same services and rules as the pages, over real requests."""

import json
import secrets

import pytest
from django.test import Client

from destinations.models import Destination
from orchestrations.models import Orchestration, Run
from orchestrations.runs.results import run_result
from tests.conftest import person
from tests.orchestrations.conftest import order_rows, run_through
from tiktok_hub.api.services import key_create
from tiktok_hub.api.site import api
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.choices import Option, Policy
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.policies import permissions
from tiktok_hub.tenancy.scope import tenant_scope


class Program:
    """A program with a key."""

    def __init__(self, text: str) -> None:
        self.client, self.headers = Client(), {"Authorization": f"Bearer {text}"}

    def get(self, path: str):
        return self.client.get(f"/api/v1/{path}", headers=self.headers)

    def post(self, path: str, **body):
        return self.client.post(
            f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=self.headers
        )


def program(tenant: Tenant, policy: Policy = Policy.ADMINISTRATOR, **options: bool) -> Program:
    """Return a program that acts for a new member with a policy and options."""
    user = person(tenant, f"{secrets.token_hex(4)}@{tenant.slug}.example", policy, **options)
    with tenant_scope(tenant):
        Membership.objects.filter(user=user).update(policy=Policy.ADMINISTRATOR)
        _, text = key_create(membership=Membership.objects.get(user=user), name="program", days=1)
        Membership.objects.filter(user=user).update(policy=policy)
    return Program(text)


@pytest.fixture
def orders(acme, orchestration_of, emulator) -> Orchestration:
    """An orchestration of Acme's that can really run."""
    return orchestration_of(
        acme, order_rows(20, email=lambda index: "no address" if index == 3 else f"p{index}@m.example")
    )


def test_program_starts_a_run_and_reads_what_became_of_every_row(orders, acme, held):
    caller = program(acme)
    (found,) = caller.get("orchestrations").json()
    started = caller.post(f"orchestrations/{found['id']}/runs")
    assert started.status_code == 202
    with tenant_scope(acme):
        run_through(Run.objects.get(pk=started.json()["run"]))
    result = caller.get(f"runs/{started.json()['run']}").json()
    assert (result["status"], result["selected"], result["accepted"], result["rejected"]) == (
        "succeeded_with_errors", 20, 19, 1,
    )  # fmt: skip
    assert len(held("7654321098765432100")) == 19
    assert "no address" not in caller.get(f"runs/{result['run']}/issues.csv").getvalue().decode()


LEAKY = "SELECT *, replace(email, '@', ' at ') AS currency FROM orders"


@pytest.mark.parametrize(("restricted", "shown"), [(True, "•••"), (False, "p3 at m.example")])
def test_no_query_brings_values_into_what_a_restricted_person_downloads(acme, orchestration_of, restricted, shown):
    rows = order_rows(4, email=lambda index: f"p{index}@m.example", value=5)
    made = orchestration_of(acme, [{k: v for k, v in row.items() if k != "currency"} for row in rows], LEAKY)
    with tenant_scope(acme):
        Destination.objects.filter(pk=made.destination_id).update(pii_setting=True)
    caller = program(acme, Policy.BUSINESS_USER, restrict_pii=restricted)
    run = caller.post(f"orchestrations/{made.pk}/runs", plan=True).json()["run"]
    with tenant_scope(acme):
        run_through(Run.objects.get(pk=run))
    body = caller.get(f"runs/{run}/issues.csv").getvalue().decode()
    assert body.count("bad_currency") == 4
    assert ("m.example" in body, shown in body) == (not restricted, True)


def test_tiktoks_own_words_are_for_administrators(orders, acme, fault):
    fault({"match": {"path": "/event/track/"}, "action": {"code": 40001, "message": "own words"}})
    answers = {}
    for policy in (Policy.BUSINESS_USER, Policy.ADMINISTRATOR):
        caller = program(acme, policy)
        run = caller.post(f"orchestrations/{orders.pk}/runs").json()["run"]
        with tenant_scope(acme):
            run_through(Run.objects.get(pk=run))
        answers[policy] = json.dumps(caller.get(f"runs/{run}").json()["error"])
    assert ["own words" in answer for answer in answers.values()] == [False, True]


def test_program_plans_and_samples(orders, acme):
    caller = program(acme)
    plan = caller.post(f"orchestrations/{orders.pk}/runs", plan=True).json()
    assert plan["purpose"] == "plan"
    assert caller.post(f"runs/{plan['run']}/cancel").json()["status"] == "cancelled"
    answer = caller.post(f"orchestrations/{orders.pk}/runs", sample=10).json()
    assert answer["sample"] == 10, answer


def test_program_replays_after_it_has_asked_what_that_would_do(orders, acme):
    caller = program(acme)
    run = caller.post(f"orchestrations/{orders.pk}/runs").json()["run"]
    with tenant_scope(acme):
        run_through(Run.objects.get(pk=run))
    told = caller.get(f"runs/{run}/replay").json()
    assert (told["all"]["drops"], told["rejected"]["prepared_again"], told["unknown"]["rows"]) == (19, 1, 0)
    answers = [caller.post(f"runs/{run}/replay", rows=rows) for rows in ("unknown", "rejected", "some")]
    assert [answer.status_code for answer in answers] == [409, 202, 422]
    assert (answers[1].json()["replay_of"], answers[1].json()["replay"]) == (run, "rejected")


def test_what_cannot_be_done_now_is_refused_with_a_sentence(orders, acme):
    caller = program(acme)
    run = caller.post(f"orchestrations/{orders.pk}/runs").json()["run"]
    answers = [caller.post(f"orchestrations/{orders.pk}/runs"), caller.post(f"runs/{run}/release")]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert "is not finished yet" in answers[0].json()["error"]["sentence"]


@pytest.mark.parametrize(
    "path", ["orchestrations/{orchestration}", "runs/{run}", "runs/{run}/issues.csv", "orchestrations/0"]
)
def test_another_tenants_things_do_not_exist(orders, acme, globex, path):
    run = program(acme).post(f"orchestrations/{orders.pk}/runs").json()["run"]
    answer = program(globex).get(path.format(orchestration=orders.pk, run=run))
    assert answer.status_code in {404, 422}
    assert "orders" not in answer.content.decode()


def test_closed_destination_hides_its_orchestrations_and_runs(orders, acme):
    run = program(acme).post(f"orchestrations/{orders.pk}/runs").json()["run"]
    with tenant_scope(acme):
        Destination.objects.update(admin_only=True)
    caller = program(acme, Policy.BUSINESS_USER)
    assert [caller.get(path).json() for path in ("orchestrations", "runs", "destinations")] == [[], [], []]
    assert caller.get(f"runs/{run}").status_code == 404


DEEDS = [
    ("orchestrations.view_orchestration", "get", "orchestrations", {}),
    ("destinations.view_destination", "get", "destinations", {}),
    ("orchestrations.view_run", "get", "runs", {}),
    ("orchestrations.plan_orchestration", "post", "orchestrations/{orchestration}/runs", {"plan": True}),
    ("orchestrations.run_orchestration", "post", "orchestrations/{orchestration}/runs", {}),
    ("orchestrations.run_orchestration", "post", "runs/{run}/retry", {}),
    ("orchestrations.run_orchestration", "get", "runs/{run}/replay", {}),
    ("orchestrations.run_orchestration", "post", "runs/{run}/replay", {}),
    ("orchestrations.release_run", "post", "runs/{run}/release", {}),
    ("orchestrations.download_run", "get", "runs/{run}/issues.csv", {}),
    ("orchestrations.run_orchestration", "post", "runs/{run}/skip", {}),
    ("orchestrations.change_run", "post", "runs/{run}/cancel", {}),
    ("orchestrations.view_orchestrationgroup", "get", "groups", {}),
    ("orchestrations.view_grouprun", "get", "group-runs", {}),
]


@pytest.mark.parametrize("options", [{}, {"restrict_downloads": True}, {"restrict_data_exports": True}], ids=str)
@pytest.mark.parametrize("policy", list(Policy))
def test_programs_may_what_their_person_may(orders, acme, policy, options):
    run = program(acme).post(f"orchestrations/{orders.pk}/runs").json()["run"]
    caller, granted = program(acme, policy, **options), permissions(policy, frozenset(map(Option, options)))
    for permission, method, path, body in DEEDS:
        answer = getattr(caller, method)(path.format(orchestration=orders.pk, run=run), **body)
        assert (answer.status_code != 403) == (permission in granted), (permission, answer.status_code)


def test_audit_log_names_the_door(orders, acme):
    program(acme).post(f"orchestrations/{orders.pk}/runs")
    with tenant_scope(acme):
        assert Entry.objects.get(action="run.started").via == "api"


@pytest.mark.parametrize("body", [{"sample": 0}, {"sample": -1}, {"sample": "x"}, {"plan": "perhaps"}])
def test_bad_input_is_named_without_its_value(orders, acme, body):
    answer = program(acme).post(f"orchestrations/{orders.pk}/runs", **body)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [f"body.wanted.{next(iter(body))}"]


def test_every_operation_says_what_it_answers():
    document = api.get_openapi_schema()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (path, method)
            assert operation["security"] == [{"KeyAuth": []}]


def test_run_reads_the_same_in_the_api_as_in_the_command(orders, acme, run_of):
    run = run_of(orders)
    told = program(acme).get(f"runs/{run.pk}").json()
    with tenant_scope(acme):
        printed = json.loads(json.dumps(run_result(run)))
    assert {name: told[name] for name in printed if name != "rejects_file"} | {"rejects_file": None} == printed
