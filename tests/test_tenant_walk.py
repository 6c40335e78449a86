"""Walk every address of the tenant's site as somebody of the other tenant: nothing of Acme's exists for Charlie.

The addresses come from the site itself, so that a page added later is walked without being named here.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import models
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from destinations.choices import CredentialStatus
from destinations.models import Credential, CredentialLink, Destination
from orchestrations.alerts.choices import DeliveryStatus, RuleKind
from orchestrations.alerts.models import Channel, Delivery, Incident, Rule
from orchestrations.choices import QueryStatus
from orchestrations.models import (
    Audience,
    Batch,
    Dataset,
    GroupMember,
    GroupRun,
    Orchestration,
    OrchestrationGroup,
    Query,
    RetentionReport,
    Run,
    RunAudience,
    Stream,
    WriteKey,
)
from tiktok_hub.api.models import ApiKey
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.people.models import Invitation, SingleSignOn
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.models import Membership, Tenant, TenantModel
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

MARKER = "acme-only-marker"


def things_make(tenant: Tenant, user: Any, marker: str) -> dict[type[models.Model], models.Model]:
    """Make one of everything for a tenant, with the marker in every name."""
    own = {"tenant": tenant}
    with tenant_scope(tenant):
        member = Membership.objects.get(user=user)
        credential = Credential.objects.create(
            **own, name=f"{marker}-c", access_token=f"{marker}-token", status=CredentialStatus.AUTHORISED
        )
        link = CredentialLink.objects.create(
            **own, credential=credential, token_hash=f"{marker}-hash", expires_at=timezone.now() + timedelta(days=1)
        )
        destination = Destination.objects.create(
            **own,
            name=f"{marker}-d",
            plugin="tiktok-ads-events",
            credential=credential,
            settings={"advertiser_id": "1"},
        )
        dataset = Dataset.objects.create(
            **own, name=marker.replace("-", "_"), path=f"{tenant.pk}/datasets/x.parquet", loaded_at=timezone.now()
        )
        query = Query.objects.create(**own, name=f"{marker}-q", sql="SELECT 1", status=QueryStatus.ACTIVE)
        orchestration = Orchestration.objects.create(**own, name=f"{marker}-o", query=query, destination=destination)
        group = OrchestrationGroup.objects.create(**own, name=f"{marker}-g")
        GroupMember.objects.create(**own, group=group, orchestration=orchestration, position=1)
        members = [{"orchestration": orchestration.pk, "name": orchestration.name}]
        group_run = GroupRun.objects.create(**own, group=group, order="sequence", on_failure="stop", members=members)
        unasked = Orchestration.objects.create(**own, name=f"{marker}-stream", destination=destination)
        stream = Stream.objects.create(**own, orchestration=unasked)
        write_key = WriteKey.objects.create(**own, stream=stream, name=f"{marker}-w", digest=f"{marker}-w")
        run = Run.objects.create(
            **own, orchestration=orchestration, credential=credential,
            inputs={"plugin": "tiktok-ads-events", "settings": {}},
        )  # fmt: skip
        batch = Batch.objects.create(**own, run=run, number=1, events=1, message=marker)
        invitation = Invitation.objects.create(
            **own, email=f"{marker}-i@brand.example", token_hash=marker, expires_at=timezone.now() + timedelta(days=1)
        )
        sign_on = SingleSignOn.objects.create(
            **own, server_url=f"https://{marker}.example", client_id=f"{marker}-client", enabled=False
        )
        audience = Audience.objects.create(**own, name=f"{marker}-a", advertiser_id="1", transport="streaming")
        RunAudience.objects.create(**own, run=run, audience=audience, number=1)
        channel = Channel.objects.create(**own, name=f"{marker}-ch", addresses=[f"{marker}@brand.example"])
        rule = Rule.objects.create(**own, kind=RuleKind.FAILED, orchestration=orchestration)
        incident = Incident.objects.create(
            **own, rule=rule, subject=f"orchestration {orchestration.pk}", orchestration=orchestration,
            headline=f"{marker}-h", opened_at=timezone.now(), last_at=timezone.now(),
        )  # fmt: skip
        delivery = Delivery.objects.create(**own, channel=channel, title=f"{marker}-t", status=DeliveryStatus.GIVEN_UP)
        key = ApiKey.objects.create(**own, name=f"{marker}-k", user=user, start="hub_", digest=f"{marker}-digest")
        with hub_scope():
            twin = Tenant.objects.create(slug=f"{tenant.slug}-{marker}", name=f"{marker}-s", sandbox_of=tenant)
        sandbox = Sandbox.objects.create(**own, twin=twin)
        report = RetentionReport.objects.create(**own, night=timezone.now())
        entry = audit_record(Action.RUN_STARTED, name=f"{marker}-e")
    things = (
        *(member, credential, link, destination, dataset, query, orchestration, run, batch, audience),
        *(group, group_run, stream, write_key),
        *(key, invitation, sandbox, sign_on, tenant, entry, report),
        *(channel, rule, incident, delivery),
    )
    return {type(thing): thing for thing in things}


@pytest.fixture
def acme_things(acme, ada) -> dict[type[models.Model], models.Model]:
    """One of everything at Acme."""
    return things_make(acme, ada, MARKER)


@pytest.fixture
def globex_things(globex, charlie) -> dict[type[models.Model], models.Model]:
    """One of everything at Globex, so that Charlie's lists are not empty."""
    return things_make(globex, charlie, "globex-own")


def patterns(urls: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """Yield every route of a site, as text with converters."""
    for entry in urls:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns, route)
        else:
            yield route


def model_of(route: str) -> type[models.Model] | None:
    """Return the model whose pages a route belongs to."""
    for model in tenant_site._registry:
        if route.startswith(f"{model._meta.app_label}/{model._meta.model_name}/"):
            return model
    return None


def filled(route: str, pk: int) -> str:
    """Put an object's id into a route; other arguments get something plausible."""
    route = re.sub(r"<(path|int|str):(object_id|pk|.*_id|run|batch)>", str(pk), route)
    return re.sub(r"<[^>]+>", "1", route).replace("^", "").replace("$", "")


ROUTES = sorted(set(patterns(tenant_site.get_urls())))
OBJECT_ROUTES = [route for route in ROUTES if "<" in route and model_of(route)]


def test_every_tenant_owned_model_is_covered_by_the_walk(acme_things):
    owned = {model for model in tenant_site._registry if issubclass(model, TenantModel)}
    assert owned <= set(acme_things)
    assert len(OBJECT_ROUTES) >= 3 * len(owned)


@pytest.mark.parametrize("route", ROUTES)
def test_no_address_of_another_tenant_exists(acme_things, globex_things, charlie, client_of, route):
    model = model_of(route)
    pk = acme_things[model].pk if model else 1
    browser = client_of(charlie)
    for method in (browser.get, browser.post):
        assert method(f"/acme/{filled(route, pk)}").status_code == 404


@pytest.mark.parametrize("route", OBJECT_ROUTES)
def test_another_tenants_object_does_not_exist_under_ones_own_address(
    acme_things, globex_things, charlie, client_of, route
):
    model = model_of(route)
    address = f"/globex/{filled(route, acme_things[model].pk)}"
    browser = client_of(charlie)
    answers = [
        browser.get(address),
        browser.post(address, {"post": "yes"}),
        browser.get(address, HTTP_HX_REQUEST="true"),
    ]
    for answer in answers:
        final = browser.get(answer.url) if answer.status_code == 302 else answer
        assert final.status_code in {404, 405}
        assert MARKER not in final.content.decode()


@pytest.mark.parametrize("route", [route for route in ROUTES if "<" not in route])
def test_no_list_or_form_names_another_tenants_things(acme_things, globex_things, charlie, client_of, route):
    answer = client_of(charlie).get(f"/globex/{filled(route, 1)}", {"q": MARKER, "s": MARKER, "term": MARKER})
    shown = b"".join(answer.streaming_content) if answer.streaming else answer.content
    body = shown.decode().replace(f'value="{MARKER}"', "").replace(f"q={MARKER}", "")
    assert f"{MARKER}-" not in body


@pytest.mark.parametrize("model", list(tenant_site._registry), ids=lambda model: model._meta.model_name)
def test_an_action_on_another_tenants_object_changes_nothing(
    acme, acme_things, globex_things, charlie, client_of, model
):
    thing = acme_things[model]
    address = f"/globex/{model._meta.app_label}/{model._meta.model_name}/"
    for action in ("delete_selected", *tenant_site._registry[model].actions):
        name = action if isinstance(action, str) else action.__name__
        client_of(charlie).post(address, {"action": name, "_selected_action": thing.pk, "post": "yes"})
    with tenant_scope(acme):
        assert model.objects.filter(pk=thing.pk).exists()


@pytest.mark.parametrize("model", [Destination, Orchestration], ids=lambda model: model._meta.model_name)
def test_a_form_refuses_another_tenants_object_as_a_choice(
    acme_things, globex_things, charlie, client_of, globex, model
):
    thing = globex_things[model]
    foreign = {
        "credential": acme_things[Credential].pk,
        "query": acme_things[Query].pk,
        "destination": acme_things[Destination].pk,
        "name": "taken over",
    }
    address = f"/globex/{model._meta.app_label}/{model._meta.model_name}/{thing.pk}/change/"
    client_of(charlie).post(address, foreign)
    with tenant_scope(globex):
        stored = model.objects.get(pk=thing.pk)
    for field in ("credential_id", "query_id", "destination_id"):
        if hasattr(stored, field):
            assert getattr(stored, field) == getattr(thing, field)
