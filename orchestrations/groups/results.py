"""What became of a group run, for programs: one JSON form."""

from collections.abc import Collection
from typing import Any

from django.utils import timezone

from orchestrations.groups.services import member_runs
from orchestrations.models import GroupRun, Run
from orchestrations.runs.results import error_result


def group_run_result(group_run: GroupRun, *, usable: Collection[int] | None = None) -> dict[str, Any]:
    """Return a group run as `--json` prints it.

    `members` are in their order; one without a run waits for its turn or was not reached. Of members whose
    orchestration is not among `usable` (ids; None: all of them) nothing is told but their place.
    """
    end = group_run.finished_at or timezone.now()
    return {
        "group_run": group_run.pk,
        "status": group_run.status,
        "tenant": group_run.tenant.slug,
        "group": group_run.group.name,
        "trigger": group_run.trigger,
        "order": group_run.order,
        "seconds": round((end - group_run.created_at).total_seconds(), 3),
        "error": error_result(group_run.error),
        "members": [
            _member(position, each, run, is_open=usable is None or each["orchestration"] in usable)
            for position, (each, run) in enumerate(zip(group_run.members, member_runs(group_run), strict=True), 1)
        ],
    }


def _member(position: int, member: dict[str, Any], run: Run | None, *, is_open: bool) -> dict[str, Any]:
    if not is_open:
        return {"position": position, "orchestration": None, "run": None, "status": None}
    found = {"position": position, "orchestration": member["name"], "run": None, "status": None}
    if run is None:
        return found
    told = {"accepted": run.accepted, "rejected": run.rejected, "refused": run.refused, "unknown": run.unknown}
    skipped = {"skipped": run.skipped_at is not None}
    return found | {"run": run.pk, "status": run.status} | told | skipped | {"error": error_result(run.error)}


def group_run_text(result: dict[str, Any]) -> str:
    """Say a group run in lines for a terminal."""
    lines = [f"Run {result['group_run']} of the group “{result['group']}”: {result['status'].replace('_', ' ')}"]
    if result["error"]:
        lines.append(f"  {result['error']['sentence']}")
    for each in result["members"]:
        name = each["orchestration"] or "not open to you"
        state = f"run {each['run']}: {each['status'].replace('_', ' ')}" if each["run"] else "did not run"
        why = f" ({each['error']['sentence']})" if each.get("error") else ""
        lines.append(f"  {each['position']}. {name}  {state}{why}")
    return "\n".join(lines)
