"""Create, pull and delete sandboxes; `promoting` holds the way back to production."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from destinations.models import Credential, Destination
from orchestrations.choices import UNFINISHED_RUNS
from orchestrations.datasets import file_digest
from orchestrations.models import Audience, Dataset, Orchestration, OrchestrationGroup, Query, Run, Schedule
from orchestrations.runs.spool import storage_clear, workdir
from tiktok_hub.audit.choices import Action
from tiktok_hub.configuration.checking import Plan
from tiktok_hub.configuration.differ import Change, difference
from tiktok_hub.configuration.state import tenant_state
from tiktok_hub.sandboxes.comparing import Comparison, Standing, sandbox_compare
from tiktok_hub.sandboxes.documents import plan_of
from tiktok_hub.sandboxes.members import members_copy
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.sandboxes.permissions import ADD, CHANGE, DELETE, PERSONAL, TOKENS, require
from tiktok_hub.sandboxes.promoting import MEANWHILE, plan_carry_out, sides_lock
from tiktok_hub.sandboxes.records import Record, both_record, change_records
from tiktok_hub.sandboxes.snapshots import Snapshot, plain, snapshot
from tiktok_hub.sandboxes.tables import ROWS, tables_stage
from tiktok_hub.tenancy.models import Membership, Tenant, slug_validate
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

TOKEN_FIELDS = ("access_token", "status", "pasted", "authorised_by", "authorised_at", "advertisers", "scopes")


def sandbox_slug(production: Tenant, name: str) -> str:
    """Return the short name of a sandbox to be; raise ValidationError where it cannot be or is taken."""
    slug = f"{production.slug}-{name}"
    longest = Tenant._meta.get_field("slug").max_length or 0
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValidationError({"name": "Lower-case letters, digits and dashes, beginning with a letter or digit."})
    if len(slug) > longest:
        raise ValidationError({"name": f"“{slug}” is too long: {longest} characters at most. Choose a shorter name."})
    slug_validate(slug)
    if Tenant.objects.filter(slug=slug).exists():
        raise ValidationError({"name": f"“{slug}” is taken. Choose another name."})
    return slug


def sandbox_create(
    *, production: Tenant, name: str, membership: Membership, rows: int = 0, tokens: bool = False
) -> Sandbox:
    """Make a sandbox `<production>-<name>` of a tenant's configuration, with its people.

    Each dataset has production's columns and its first `rows` rows; credentials have production's tokens where
    `tokens` says so, else none. Raise ValidationError, PermissionDenied for who may not in production.
    """
    require(membership, ADD, "You may not create sandboxes of this tenant.")
    _copies_check(membership, rows, tokens)
    if production.sandbox_of_id is not None:
        raise ValidationError("This is a sandbox itself. Create another one from production.")
    slug = sandbox_slug(production, name)
    state = tenant_state(production)
    before = snapshot(production)
    wanted: Snapshot = {section: items for section, items in state.items() if section != "users"}
    wanted["credentials"] = {each: _tokenless(fields) for each, fields in state["credentials"].items()}
    named = {"name": f"{production.name} · {name}"[:120], "sandbox_of": production}
    wanted["tenant"] = {slug: {**state["tenant"][production.slug], **named}}
    plan = plan_of(slug, None, {}, wanted)

    def finish() -> None:
        twin = Tenant.objects.get(slug=slug)
        with tenant_scope(production):
            Sandbox.objects.create(
                tenant=production, twin=twin, base=plain(before), rows=rows, created_by=membership.user
            )
        members_copy(production, twin)
        sandbox = sandbox_of(twin)
        records = [_record("rows of each dataset", rows), *_tokens(sandbox, state["credentials"], tokens)]
        both_record(Action.SANDBOX_CREATED, sandbox, records, user=membership.user)

    with workdir() as folder:
        _stage(plan, production, state["datasets"], rows, Path(folder))
        _plan_finish(plan, production, ())
        plan_carry_out(plan, membership.user, finish)
    return sandbox_of(Tenant.objects.get(slug=slug))


def sandbox_of(twin: Tenant) -> Sandbox:
    """Return what production knows of a sandbox."""
    with tenant_scope(cast(Tenant, twin.sandbox_of)):
        return Sandbox.objects.select_related("tenant", "twin").get(twin=twin)


def pull_changes(
    sandbox: Sandbox, *, keep: bool = False, remove: bool = False
) -> tuple[Comparison, tuple[Change, ...]]:
    """Return how the two deviate now, and what a pull with these choices would do to the sandbox."""
    comparison = sandbox_compare(sandbox)
    return comparison, _pull_plan(sandbox, comparison, keep=keep, remove=remove).difference.changes


def sandbox_pull(
    *, sandbox: Sandbox, membership: Membership, keep: bool = False, remove: bool = False, rows: int | None = None,
    tokens: bool = False, seen: str | None = None,
) -> tuple[Change, ...]:  # fmt: skip
    """Bring a sandbox to what production is, and return what was changed.

    `keep` leaves alone what was changed in the sandbox, so that it can be promoted over production's; `remove` deletes
    what only the sandbox has; `rows` loads all datasets anew (None: those that are there stay). `seen` is the
    fingerprint of what somebody confirmed. Raise ValidationError or PermissionDenied, and change nothing.
    """
    require(membership, CHANGE, "You may not pull into sandboxes of this tenant.")
    _copies_check(membership, rows or 0, tokens)
    production = sandbox.production
    comparison = sandbox_compare(sandbox)
    if seen is not None and seen != comparison.fingerprint:
        raise ValidationError(MEANWHILE)
    plan = _pull_plan(sandbox, comparison, keep=keep, remove=remove, reload=rows is not None)
    fresh = [
        change.name for change in plan.difference.changes if change.section == "datasets" and change.touches("sha256")
    ]

    def finish() -> None:
        sandbox.base, sandbox.pulled_at = plain(comparison.production), timezone.now()
        with tenant_scope(production):
            sandbox.save(update_fields=["base", "pulled_at"])
        loaded = [] if rows is None else [_record("rows of each dataset", rows)]
        records = [*loaded, *_tokens(sandbox, comparison.production["credentials"], tokens)]
        records += change_records(plan.difference.changes)
        both_record(Action.SANDBOX_PULLED, sandbox, records, user=membership.user)

    with workdir() as folder:
        _stage(plan, production, fresh, rows or 0, Path(folder))
        with transaction.atomic():
            sides_lock(sandbox, comparison.fingerprint)
            plan_carry_out(plan, membership.user, finish)
    return plan.difference.changes


def sandbox_delete(*, sandbox: Sandbox, membership: Membership, typed: str) -> None:
    """Delete a sandbox with everything in it and its files; its audit log stays.

    `typed` is its short name, by which somebody says that they mean this one. Raise ValidationError while a run is
    active.
    """
    require(membership, DELETE, "You may not delete sandboxes of this tenant.")
    twin = sandbox.twin
    if typed.strip() != twin.slug:
        raise ValidationError({"typed": f"Type “{twin.slug}” to say that you mean this sandbox."})
    with transaction.atomic():
        with tenant_scope(twin):
            active = Run.objects.filter(status__in=UNFINISHED_RUNS).first()
            if active is not None:
                raise ValidationError(
                    f"Run {active.pk} of this sandbox is not finished yet. Wait for it, or cancel it."
                )
        both_record(Action.SANDBOX_DELETED, sandbox, [], user=membership.user)
        prefix = str(twin.pk)
        with hub_scope():
            # What other rows protect goes after these; all the rest goes with the tenant.
            things = (
                Schedule,
                OrchestrationGroup,
                Run,
                Audience,
                Orchestration,
                Destination,
                Credential,
                Query,
                Dataset,
            )
            for model in things:
                model.objects.filter(tenant=twin).delete()
            twin.delete()
        transaction.on_commit(lambda: storage_clear(prefix))


def _copies_check(membership: Membership, rows: int, tokens: bool) -> None:
    if rows not in ROWS:
        raise ValidationError({"rows": f"Choose one of {', '.join(map(str, ROWS))} rows."})
    if rows:
        require(membership, PERSONAL, "You may not see personal data here, and so not copy rows. Choose no rows.")
    if tokens:
        require(membership, TOKENS, "You may not change credentials here, and so not copy their tokens.")


def _pull_plan(
    sandbox: Sandbox, comparison: Comparison, *, keep: bool, remove: bool, reload: bool = False
) -> Plan:  # fmt: skip
    """Plan what production's configuration changes in the sandbox, without a look at what it is built from."""
    production, twin = sandbox.production, sandbox.twin
    theirs = {each.key for each in comparison.of(Standing.THEIRS)}
    moving = theirs if keep else {each.key for each in comparison.deviations}
    gone = {each.key for each in comparison.deviations if each.change.added}
    state, present = tenant_state(production), tenant_state(twin)
    state["tenant"] = {twin.slug: comparison.production["tenant"][production.slug]}
    wanted: Snapshot = {section: {} for section in state}
    for section, name in moving - gone:
        at = twin.slug if section == "tenant" else name
        wanted[section][at] = _pulled(section, at, state, comparison)
    for name, fields in wanted["datasets"].items():
        wanted["datasets"][name] = {**present["datasets"].get(name, {}), **fields}
    if reload:
        wanted["datasets"] |= {name: {**fields, "sha256": None} for name, fields in state["datasets"].items()}
    plan = plan_of(twin.slug, twin, present, wanted)
    _plan_finish(plan, production, gone & (moving if remove and not keep else theirs))
    return plan


def _pulled(section: str, name: str, state: Snapshot, comparison: Comparison) -> dict[str, Any]:
    """Return an item of production as the sandbox takes it: without a token, and without data where it has its own."""
    fields = state[section][name]
    if section == "credentials":
        return _tokenless(fields)
    mine = comparison.sandbox[section].get(name)
    if section == "datasets" and mine is not None:
        theirs = comparison.production[section][name]
        kept = [column for column in mine["pii"] if column not in theirs["columns"]]
        pii = [column for column in theirs["pii"] if column in mine["columns"]]
        return {"description": fields["description"], "pii": sorted(kept + pii)}
    return fields


def _plan_finish(plan: Plan, production: Tenant, removing: Collection[tuple[str, str]]) -> None:
    """Say what the plan changes, and what production's queries return."""
    plan.difference = difference(plan.present, plan.wanted, removing=removing)
    with tenant_scope(production):
        queries = Query.objects.filter(name__in=plan.wanted["queries"])
        plan.columns = {query.name: list(query.columns) for query in queries}


def _stage(plan: Plan, production: Tenant, names: Iterable[str], rows: int, folder: Path) -> None:
    """Stage tables for a plan; their digests are of what is copied, so that none passes for production's file."""
    plan.staged = tables_stage(production, names, rows, folder)
    for name, staged in plan.staged.items():
        fields = plan.wanted["datasets"][name]
        plan.wanted["datasets"][name] = {**fields, "sha256": file_digest(staged.path)}


def _tokenless(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "access_token"}


def _tokens(sandbox: Sandbox, names: Collection[str], wished: bool) -> list[Record]:
    """Copy production's tokens into the credentials of the same names, where somebody asked for it; say so."""
    if not wished:
        return [_record("tokens", "not copied")]
    with tenant_scope(sandbox.production):
        originals = list(Credential.objects.filter(name__in=list(names)))
    with tenant_scope(sandbox.twin):
        for original in originals:
            for copy in Credential.objects.filter(name=original.name, type=original.type):
                for name in TOKEN_FIELDS:
                    setattr(copy, name, getattr(original, name))
                copy.save()
    return [_record("tokens", f"copied: {', '.join(original.name for original in originals) or 'none'}")]


def _record(name: str, value: object) -> Record:
    return {"field": name, "old": None, "new": value}
