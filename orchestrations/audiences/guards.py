"""What a run may not do to an audience unless somebody says so: empty it, shrink it by much, replace a deleted one."""

from orchestrations.choices import AudienceDeleted, SyncMode
from orchestrations.models import Run, RunAudience


def hold_reason(run: Run) -> dict[str, str]:
    """Return why a prepared run has to wait for somebody, as `{"reason", "sentence"}`; empty where it has not to."""
    for target in RunAudience.objects.filter(run=run).select_related("audience"):
        if found := _reason(run, target):
            reason, sentence = found
            return {"reason": reason, "sentence": sentence}
    return {}


def _reason(run: Run, target: RunAudience) -> tuple[str, str] | None:
    """Return the guard that a run meets at one audience, and the sentence for people."""
    name, most = target.audience.name, int(run.inputs["max_removal_percent"])
    if target.anew and run.inputs["when_deleted"] == AudienceDeleted.HOLD:
        then = f"Released, the run creates it again and fills it with {target.after:,} people."
        return "audience_deleted", f"The audience “{name}” was deleted at TikTok. {then}"
    if not run.people and run.inputs["sync_mode"] in (SyncMode.MIRROR, SyncMode.REPLACE):
        then = f"Released, the run removes all of its {target.before:,} people."
        return "empty_result", f"The query returned nobody for the audience “{name}”. {then}"
    if not target.anew and target.removed * 100 > most * target.before:
        share = f"{target.removed:,} of {target.before:,} people ({_percent(target.removed, target.before)} %)"
        then = f"more than {most} % has to be released by somebody."
        return "too_many_removed", f"The run would remove {share} from the audience “{name}”; {then}"
    return None


def _percent(part: int, whole: int) -> str:
    """Return a share with one decimal at most, rounded up: what passed a limit may not read like the limit."""
    return f"{-(-part * 1000 // whole) / 10:,g}"
