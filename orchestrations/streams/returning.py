"""Changes of audiences that did not arrive wait in their stream again, before newer ones.

A run of a query makes up for an earlier one by itself; changes are posted once. They are not retried either: what an
audience was told since may make another request right. So they are compared anew, together with what came later.
"""

from orchestrations.choices import RunStatus
from orchestrations.models import Chunk, Run

AGAIN = (
    "What run {run} did not bring to the audience waits in its stream again: the stream's next run sends it. If the "
    "stream is parked, put right what it names and resume it."
)


def gives_back(run: Run) -> bool:
    """Say whether a stream's run that ended lets its changes wait again: not all arrived, and nobody wanted it so."""
    if run.stream_id is None or "sync_mode" not in run.inputs or run.status == RunStatus.CANCELLED:
        return False
    return run.is_finished and bool(run.status == RunStatus.FAILED or run.unsent or run.unknown)


def changes_return(run: Run) -> None:
    """Let the changes of a run that ended wait again where they have to; part of the transaction that ends it."""
    if gives_back(run):
        Chunk.objects.filter(run=run).update(run=None, first_row=None)
