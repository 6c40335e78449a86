"""What to do about failures that arise here and not at TikTok, whose table is `destinations.tiktok.resolutions`.

Both are asked as one: a run keeps the key of its error, and pages, commands and the API read the same words from here.
"""

from dataclasses import replace
from enum import StrEnum

from destinations.tiktok.resolutions import RESOLUTIONS, Resolution, ResolutionKey
from destinations.tiktok.resolutions import ResolutionAction as Act


class LocalKey(StrEnum):
    """Name a cause on this side for which there is something to do."""

    PREPARATION_FAILED = "preparation_failed"
    SOURCE_UNREACHABLE = "source_unreachable"
    DATASET_GONE = "dataset_gone"
    DATASET_DAMAGED = "dataset_damaged"
    SPOOL_FULL = "spool_full"
    REPLAY_ROWS_CHANGED = "replay_rows_changed"
    CREDENTIAL_WAITS = "credential_waits"
    STREAM_WAITS = "stream_waits"
    SCHEDULE_REFUSED = "schedule_refused"
    SCHEDULE_SKIPPED = "schedule_skipped"
    GROUP_REFUSED = "group_refused"
    GROUP_STOPPED = "group_stopped"
    UNEXPECTED = "unexpected"


_TABLE = (
    Resolution(
        LocalKey.PREPARATION_FAILED,
        "The rows could not be prepared",
        "The query's result does not have the form that the destination needs, or it is too large for this machine.",
        (
            "Read the message above: it says what was missing.",
            "Preview the query and compare its columns with the fields of the destination.",
            "Restart the run.",
        ),
        (Act.QUERY, Act.DESTINATION, Act.RESTART),
    ),
    Resolution(
        LocalKey.SOURCE_UNREACHABLE,
        "Source unreachable",
        "The engine that runs queries could not be started or did not answer; neither query nor data is the cause.",
        (
            "Retry the run in a few minutes.",
            "If it fails again, ask the operator whether the machine is short of memory, and for HUB_QUERY_MEMORY.",
        ),
        (Act.RETRY, Act.RESTART, Act.SKIP),
    ),
    Resolution(
        LocalKey.DATASET_GONE,
        "Dataset file missing",
        "The file of a dataset that the query reads is no longer in storage.",
        (
            "Upload the dataset again: the query finds it by its name.",
            "Restart the run: it reads the new file. A retry would look for the old one.",
            "Ask the operator whether files are deleted from the storage that HUB_STORAGE_URL names.",
        ),
        (Act.DATASET, Act.RESTART, Act.SKIP),
    ),
    Resolution(
        LocalKey.DATASET_DAMAGED,
        "Dataset file damaged",
        "The file of a dataset that the query reads is in storage, but what is in it can no longer be understood.",
        (
            "Upload the dataset again: the query finds it by its name.",
            "Restart the run: it reads the new file.",
            "Ask the operator to check the storage: other files may be damaged too.",
        ),
        (Act.DATASET, Act.RESTART, Act.SKIP),
    ),
    Resolution(
        LocalKey.SPOOL_FULL,
        "Storage is full",
        "There was no room left for the requests that a run prepares before it sends anything; nothing was sent.",
        (
            "Ask the operator to make room in the storage that HUB_STORAGE_URL names, or in HUB_DATA_DIR.",
            "Shorter times of retention (HUB_RETENTION_SPOOL_DAYS) keep it from filling up again.",
            "Retry the run: it prepares everything anew.",
        ),
        (Act.RETRY, Act.SKIP),
    ),
    Resolution(
        LocalKey.REPLAY_ROWS_CHANGED,
        "The query gives other rows now",
        "Rejected rows are found again by their number in the query's result, which is not the same as then. Nothing "
        "was sent, since it could have been other rows.",
        (
            "Give the query an ORDER BY over a unique column, and no function of the time or of chance, for next time.",
            "Restart the orchestration: it sends the present rows; TikTok drops what it accepted within 48 hours.",
            "Unknown rows of the earlier run do not need the query: they can be replayed all the same.",
        ),
        (Act.QUERY, Act.RESTART, Act.SKIP),
    ),
    Resolution(
        LocalKey.CREDENTIAL_WAITS,
        "The credential waits to be authorised",
        "TikTok's authorization of the destination's credential has ended or was never given: nothing can be sent.",
        (
            "Open the credential and choose Reauthorize, or send the link to somebody who may.",
            "Restart this run, or wait for the next one.",
        ),
        (Act.CREDENTIAL, Act.RESTART, Act.SKIP),
    ),
    Resolution(
        LocalKey.STREAM_WAITS,
        "The stream waits",
        "Something in this product keeps the stream from sending: see the sentence above. What is posted is kept.",
        ("Put right what the sentence names: the stream goes on by itself.",),
        (Act.DESTINATION, Act.ORCHESTRATION),
    ),
    Resolution(
        LocalKey.SCHEDULE_REFUSED,
        "The schedule could not start this run",
        "What somebody would be told who presses the button: see the sentence above.",
        (
            "Put right what the sentence names: access, destination, credential, query or settings.",
            "If the person in whose name it runs may not start it any more, save the orchestration in your own name.",
            "Restart this run, or wait for the next one.",
        ),
        (Act.ORCHESTRATION, Act.DESTINATION, Act.RESTART, Act.SKIP),
    ),
    Resolution(
        LocalKey.SCHEDULE_SKIPPED,
        "This run was left out, as its schedule says",
        "The schedule skips runs that are due while another is not finished, or while nothing could run.",
        (
            "Nothing has to be done: the next run comes at its time.",
            "Restart sends the present rows now.",
            "Edit the orchestration if such runs should wait or be made up for instead.",
        ),
        (Act.ORCHESTRATION, Act.RESTART, Act.SKIP),
    ),
    Resolution(
        LocalKey.GROUP_REFUSED,
        "The group could not start this run",
        "What somebody would be told who presses the button: see the sentence above.",
        (
            "Put right what the sentence names: access, destination, credential, query or settings.",
            "If the person in whose name the group runs may not start it any more, save the group in your own name.",
            "Restart this run, or run the group again.",
        ),
        (Act.ORCHESTRATION, Act.DESTINATION, Act.RESTART, Act.SKIP),
    ),
    Resolution(
        LocalKey.GROUP_STOPPED,
        "The group stopped at one of its members",
        "A member failed, and the group is set to stop then: those after it did not run.",
        (
            "Open the run that failed: its page says what to do.",
            "Skip that run if the others should go on all the same, or run the group again.",
        ),
        (Act.ORCHESTRATION, Act.SKIP),
    ),
    Resolution(
        LocalKey.UNEXPECTED,
        "Unexpected failure",
        "The run stopped for a reason that this product does not know.",
        (
            "Retry the run.",
            "If it fails again, report it to the operator of this product with the number of the run.",
        ),
        (Act.RETRY, Act.RESTART, Act.SKIP),
    ),
)

LOCAL: dict[str, Resolution] = {resolution.key: resolution for resolution in _TABLE}


def resolution_of(key: str, *, streamed: bool = False) -> Resolution:
    """Return what to do about an error of a run, whichever side it arose on; a key that is not known is unexpected.

    What a stream has sent cannot be restarted, there is no query. Its retry takes the present settings instead.
    """
    found = RESOLUTIONS[ResolutionKey(key)] if key in set(ResolutionKey) else LOCAL.get(key, LOCAL[LocalKey.UNEXPECTED])
    if not streamed:
        return found
    steps = tuple(step.replace("estart", "etry") for step in found.steps)
    return replace(found, steps=steps, actions=tuple(action for action in found.actions if action != Act.RESTART))
