"""Statuses with the label and the colour that people see."""

from django.db.models import TextChoices


class QueryStatus(TextChoices):
    """Whether orchestrations may use a query."""

    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"


class RunStatus(TextChoices):
    """What a run is doing, or what became of it."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    HELD = "held", "Held"
    SUCCEEDED = "succeeded", "Succeeded"
    SUCCEEDED_WITH_ERRORS = "succeeded_with_errors", "Succeeded with errors"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class RunStage(TextChoices):
    """Where the rows of a run are."""

    WAITING = "waiting", "Waiting"
    QUERYING = "querying", "Running the query"
    PREPARING = "preparing", "Preparing"
    DELIVERING = "delivering", "Delivering"
    FINISHED = "finished", "Finished"


class RunPurpose(TextChoices):
    """What a run is for."""

    DELIVER = "deliver", "Deliver"
    PLAN = "plan", "Plan"


class ReplayRows(TextChoices):
    """Which rows of a run are sent once more."""

    ALL = "all", "All rows"
    REJECTED = "rejected", "Rejected rows"
    UNKNOWN = "unknown", "Unknown rows"


class SyncMode(TextChoices):
    """How an audience follows the query's result."""

    MIRROR = "mirror", "Mirror: the audience equals the query's result"
    ADD = "add", "Add only: nobody is removed"
    REMOVE = "remove", "Remove: everybody in the result leaves the audience"
    REPLACE = "replace", "Replace: the whole audience is sent anew (file)"


CHANGES = "changes"
"""How a stream's runs change an audience; nobody chooses it."""
SYNC_MODES = {**dict(SyncMode.choices), CHANGES: "Changes: who was posted is added or removed"}


class AudienceDeleted(TextChoices):
    """What a run does when its audience was deleted at TikTok."""

    RECREATE = "recreate", "Create it again and fill it"
    HOLD = "hold", "Hold the run until somebody decides"


class AudienceStatus(TextChoices):
    """What TikTok says about an audience."""

    NEW = "new", "Not created yet"
    CALCULATING = "calculating", "Being calculated"
    READY = "ready", "Ready"
    TOO_SMALL = "too_small", "Too small"
    EXPIRING = "expiring", "Expiring"
    EXPIRED = "expired", "Expired"
    NOT_EDITABLE = "not_editable", "Not editable"
    FAILED = "failed", "Failed"
    DELETED = "deleted", "Deleted at TikTok"


class RunTrigger(TextChoices):
    """What started a run."""

    MANUAL = "manual", "Run now"
    COMMAND = "command", "Command line"
    SCHEDULE = "schedule", "Schedule"
    GROUP = "group", "Group"
    API = "api", "API"
    STREAM = "stream", "Stream"


class ScheduleKind(TextChoices):
    """How a schedule says when."""

    CRON = "cron", "At times of the clock (cron)"
    INTERVAL = "interval", "Every so many minutes"
    AFTER = "after", "After another orchestration"


class AfterEnds(TextChoices):
    """Which ends of a run are followed by another orchestration's."""

    SUCCEEDED = "succeeded", "It succeeded without errors"
    WITH_ERRORS = "with_errors", "It succeeded, also with errors"
    ANY = "any", "It ended in any way"


class GroupOrder(TextChoices):
    """In which order the members of a group run."""

    SEQUENCE = "sequence", "One after another"
    PARALLEL = "parallel", "All at once"


class GroupFailure(TextChoices):
    """What becomes of the members that come after one that has failed."""

    STOP = "stop", "Stop: those after it do not run"
    GO_ON = "go_on", "Go on with those after it"


class ScheduleOverlap(TextChoices):
    """What happens to a run that is due while the one before is not finished."""

    QUEUE = "queue", "Wait for it, then run"
    SKIP = "skip", "Skip this run"


class MissedRuns(TextChoices):
    """What happens, after a time in which nothing could run, to the runs that were due in it."""

    ONCE = "once", "Run once"
    SKIP = "skip", "Skip them"


class BatchStatus(TextChoices):
    """What became of one request body."""

    PENDING = "pending", "Pending"
    SENDING = "sending", "Sending"
    WAITING = "waiting", "Waiting to retry"
    ACCEPTED = "accepted", "Accepted"
    PARTLY = "partly", "Partly refused"
    REFUSED = "refused", "Refused"
    UNKNOWN = "unknown", "Unknown"
    UNSENT = "unsent", "Not sent"


class RetentionKind(TextChoices):
    """What retention deletes."""

    SPOOL = "spool", "Prepared requests (files)"
    REJECTS = "rejects", "Rejected rows (files)"
    RUNS = "runs", "Runs with their numbers"
    STREAMS = "streams", "What was posted to streams and could not be sent in time"
    DATASETS = "datasets", "Old versions of dataset files"
    ALERTS = "alerts", "Alerts that are over, and what was sent of them"
    LINKS = "links", "Links and invitations that are over"
    ORPHANS = "orphans", "Files that belong to nothing"
    REPORTS = "reports", "Reports like this one"


class RetentionKept(TextChoices):
    """Why something is kept although it is old."""

    HELD = "held", "Held runs that nobody has released or cancelled"
    UNFINISHED = "unfinished", "Runs that have not ended"
    REPLAYED = "replayed", "Runs of which a replay is being made"
    LAST = "last", "The last successful run of each orchestration: later row counts are compared with it"
    FOLLOWER = "follower", "Runs that followed a run that is kept: otherwise it would be followed once more"


UNFINISHED_RUNS = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.HELD)
UNFINISHED_BATCHES = (BatchStatus.PENDING, BatchStatus.SENDING, BatchStatus.WAITING)

# Colours of the theme's labels.
COLOURS: dict[str, str] = {
    QueryStatus.DRAFT: "warning",
    QueryStatus.ACTIVE: "success",
    RunStatus.QUEUED: "info",
    RunStatus.RUNNING: "info",
    RunStatus.HELD: "warning",
    RunStatus.SUCCEEDED: "success",
    RunStatus.SUCCEEDED_WITH_ERRORS: "warning",
    RunStatus.FAILED: "danger",
    RunStatus.CANCELLED: "default",
    AudienceStatus.NEW: "default",
    AudienceStatus.CALCULATING: "info",
    AudienceStatus.READY: "success",
    AudienceStatus.TOO_SMALL: "warning",
    AudienceStatus.EXPIRING: "warning",
    AudienceStatus.EXPIRED: "danger",
    AudienceStatus.NOT_EDITABLE: "warning",
    AudienceStatus.FAILED: "danger",
    AudienceStatus.DELETED: "danger",
    BatchStatus.PENDING: "info",
    BatchStatus.SENDING: "info",
    BatchStatus.WAITING: "warning",
    BatchStatus.ACCEPTED: "success",
    BatchStatus.PARTLY: "warning",
    BatchStatus.REFUSED: "danger",
    BatchStatus.UNKNOWN: "danger",
    BatchStatus.UNSENT: "default",
}
