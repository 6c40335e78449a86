"""Promote a sandbox: see what would be written to production, what blocks it, and write it in one transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from destinations.models import Credential
from destinations.services.usage import InUseError
from orchestrations.choices import UNFINISHED_RUNS
from orchestrations.models import Run
from orchestrations.runs.spool import workdir
from tiktok_hub.audit.choices import Action
from tiktok_hub.configuration.applying import plans_apply
from tiktok_hub.configuration.checking import Checker, Plan
from tiktok_hub.configuration.differ import Change, difference
from tiktok_hub.configuration.problems import Place, Problem
from tiktok_hub.configuration.state import tenant_state
from tiktok_hub.sandboxes.comparing import Comparison, Deviation, Standing, base_after, sandbox_compare
from tiktok_hub.sandboxes.documents import document_of
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.sandboxes.permissions import CHANGE, MODELS, is_open, refusals, require
from tiktok_hub.sandboxes.records import both_record, change_records
from tiktok_hub.sandboxes.snapshots import Snapshot, snapshot
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import tenant_scope

MESSAGE_LONGEST = 500
MEANWHILE = "Somebody changed the sandbox or production meanwhile. Nothing was promoted: look at the differences again."
CONFLICT = "This was changed in production too. Pull from production first: it shows what there is to choose from."


class PromotionBlockedError(Exception):
    """A promotion that cannot be; `problems` say why, and production is as it was."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{problem.path}: {problem.sentence}" for problem in problems))


@dataclass
class Promotion:
    """What a promotion would do: `plan` for production, and what blocks it; `left` stays as it is in production."""

    comparison: Comparison
    plan: Plan
    problems: list[Problem] = field(default_factory=list)
    left: list[Deviation] = field(default_factory=list)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return what would be written."""
        return self.plan.difference.changes


def sandbox_promote(
    *, sandbox: Sandbox, membership: Membership, message: str, remove: bool = False, seen: str | None = None
) -> Promotion:
    """Write to production what was changed in its sandbox, as `membership`, a member of production.

    `remove` also deletes what was deleted in the sandbox; `seen` is the fingerprint of the differences that somebody
    has confirmed. Raise PromotionBlockedError, PermissionDenied or ValidationError, and leave everything as it was.
    """
    require(membership, CHANGE, "You may not promote sandboxes of this tenant.")
    message = " ".join(message.split())
    if not message or len(message) > MESSAGE_LONGEST:
        raise ValidationError({"message": f"Say what this changes and why, in up to {MESSAGE_LONGEST} characters."})
    promotion = promotion_make(sandbox=sandbox, membership=membership, remove=remove)
    if seen is not None and seen != promotion.comparison.fingerprint:
        raise ValidationError(MEANWHILE)
    if promotion.problems:
        raise PromotionBlockedError(promotion.problems)
    if promotion.changes:
        _carry_out(sandbox, membership, message, promotion)
    return promotion


def _carry_out(sandbox: Sandbox, membership: Membership, message: str, promotion: Promotion) -> None:
    production, twin = sandbox.production, sandbox.twin
    with transaction.atomic():
        sides_lock(sandbox, promotion.comparison.fingerprint)
        plan_carry_out(promotion.plan, membership.user)
        sandbox.base = base_after(sandbox.base, snapshot(production), snapshot(twin))
        sandbox.promoted_at = timezone.now()
        with tenant_scope(production):
            sandbox.save(update_fields=["base", "promoted_at"])
        records = [{"field": "message", "old": None, "new": message}, *change_records(promotion.changes)]
        both_record(Action.SANDBOX_PROMOTED, sandbox, records, user=membership.user)


def plan_carry_out(plan: Plan, user: User, then: Callable[[], object] = lambda: None) -> None:
    """Carry a plan out as configuration as code does; raise ValidationError for what is in use."""
    try:
        plans_apply([plan], user=user, then=then)
    except InUseError as error:
        raise ValidationError(str(error)) from None


def sides_lock(sandbox: Sandbox, seen: str) -> None:
    """Keep others from changing the two sides together; raise ValidationError where they are not what was seen."""
    list(Tenant.objects.select_for_update().filter(pk__in=[sandbox.tenant_id, sandbox.twin_id]).order_by("pk"))
    if sandbox_compare(sandbox).fingerprint != seen:
        raise ValidationError(MEANWHILE)


def promotion_make(*, sandbox: Sandbox, membership: Membership, remove: bool = False) -> Promotion:
    """See what a promotion would do and what blocks it; change nothing."""
    comparison = sandbox_compare(sandbox)
    moving = [each for each in comparison.of(Standing.OURS) if each.travels and (remove or not each.change.removed)]
    removing = {each.key for each in moving if each.change.removed}
    changing = {each.key for each in moving if not each.change.removed}
    target = _target(comparison, changing, removing)
    label = f"sandbox {sandbox.twin.slug}"
    problems: list[Problem] = []
    stored = tenant_state(sandbox.production)
    with workdir() as work:
        folder = Path(work)
        wanted = _affected(target, changing)
        for name, fields in wanted["datasets"].items():
            wanted["datasets"][name] = {**stored["datasets"][name], **fields}
        document = document_of(sandbox.production.slug, wanted, label=label, folder=folder)
        plan = Checker(document, folder / "0", problems).plan()
    plan.difference = difference(plan.present, plan.wanted, removing=removing)
    promotion = Promotion(comparison, plan, problems)
    problems += [_problem(label, each.change, CONFLICT) for each in comparison.of(Standing.BOTH) if each.travels]
    problems += [_problem(label, change, sentence) for change, sentence in _hindrances(promotion, sandbox, membership)]
    moved = changing | removing
    promotion.left = [each for each in comparison.deviations if each.key not in moved]
    promotion.problems = list(dict.fromkeys(problems))
    return promotion


def _target(comparison: Comparison, changing: set[tuple[str, str]], removing: set[tuple[str, str]]) -> Snapshot:
    """Return what production would be: as it is, with what was changed in the sandbox."""
    target = {section: dict(items) for section, items in comparison.production.items()}
    for section, name in changing:
        theirs, ours = target[section].get(name), comparison.sandbox[section][name]
        if section == "datasets" and theirs is not None:
            kept = [column for column in theirs["pii"] if column not in ours["columns"]]
            pii = [column for column in ours["pii"] if column in theirs["columns"]]
            ours = {**theirs, "description": ours["description"], "pii": sorted(kept + pii)}
        target[section][name] = ours
    for section, name in removing:
        del target[section][name]
    return target


def _affected(target: Snapshot, changing: set[tuple[str, str]]) -> Snapshot:
    """Return the items of the target to be checked: what changes, and what depends on that."""
    found: Snapshot = {section: {} for section in target}
    for section in MODELS:
        for name, fields in target[section].items():
            uses = [(f"{key}s", fields.get(key)) for key in ("credential", "destination")]
            uses.append(("queries", fields.get("query")))
            uses += [("orchestrations", member) for member in fields.get("members", ())]
            if (section, name) in changing or any(value in found.get(kind, {}) for kind, value in uses):
                found[section][name] = fields
    return found


def _hindrances(promotion: Promotion, sandbox: Sandbox, membership: Membership) -> Iterator[tuple[Change, str]]:
    """Yield what configuration as code does not ask: permissions, tokens, and what a removal would break."""
    plan = promotion.plan
    yield from refusals(membership, promotion.changes)
    with tenant_scope(sandbox.production):
        ready = {row.name for row in Credential.objects.all() if row.is_usable}
        busy = set(Run.objects.filter(status__in=UNFINISHED_RUNS).values_list("orchestration__name", flat=True))
    gone = {(change.section, change.name) for change in promotion.changes if change.removed}
    for change in promotion.changes:
        if change.removed:
            yield from _removal_hindrances(plan, change, gone, busy)
        elif change.section in {"destinations", "orchestrations", "streams"}:
            yield from _destination_hindrances(plan, change, ready, membership)


def _destination_hindrances(
    plan: Plan, change: Change, ready: set[str], membership: Membership
) -> Iterator[tuple[Change, str]]:
    """See that production can send there, and that the destination is open to who promotes, before and after."""
    fields = plan.fields(change.section, change.name) or {}
    name = change.name if change.section == "destinations" else fields["destination"]
    before, after = plan.present.get("destinations", {}).get(name), plan.fields("destinations", name)
    if after is not None and after["credential"] not in ready:
        yield (
            change,
            (
                f"The credential “{after['credential']}” is missing in production, or waits to be authorised. Create "
                "and authorise it there first: tokens do not travel."
            ),
        )
    if not is_open(membership, before) or not is_open(membership, after):
        yield change, f"The destination “{name}” is not open to you in production."


def _removal_hindrances(
    plan: Plan, change: Change, gone: set[tuple[str, str]], busy: set[str]
) -> Iterator[tuple[Change, str]]:
    """See that nothing of production still uses what would be removed."""
    users = {
        "credentials": (("destinations",), "credential"),
        "destinations": (("orchestrations", "streams"), "destination"),
        "queries": (("orchestrations",), "query"),
    }
    if change.section in {"orchestrations", "streams"} and change.name in busy:
        yield change, "A run of it is not finished yet in production. Wait for it, or cancel it."
    if change.section == "orchestrations":
        yield from _starting_hindrances(plan, change, gone)
        return
    sections, key = users.get(change.section, ((), ""))
    for section, name in dict.fromkeys((each, name) for each in sections for name in plan.names(each)):
        fields: dict[str, Any] = plan.fields(section, name) or {}
        if (section, name) not in gone and fields.get(key) == change.name:
            yield change, f"It cannot be removed: “{name}” uses it in production."


def _starting_hindrances(
    plan: Plan, change: Change, gone: set[tuple[str, str]]
) -> Iterator[tuple[Change, str]]:  # fmt: skip
    """See that no group of production runs an orchestration that would be removed, and that nothing follows it."""
    for section in ("orchestrations", "groups"):
        for name in dict.fromkeys(plan.names(section)):
            fields: dict[str, Any] = plan.fields(section, name) or {}
            follows = (fields.get("schedule") or {}).get("after") == change.name
            if (section, name) not in gone and (follows or change.name in fields.get("members", ())):
                yield change, f"It cannot be removed: “{name}” {'follows' if follows else 'runs'} it in production."


def _problem(label: str, change: Change, sentence: str) -> Problem:
    return Problem(Place(label), f"{change.section}[{change.name}]", sentence)
