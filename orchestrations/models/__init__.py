"""What the database knows: rows' origins, orchestrations, runs, audiences."""

from orchestrations.models.audiences import Audience, AudienceReading, Claim, RunAudience
from orchestrations.models.datasets import Dataset, Query, table_name_validate
from orchestrations.models.groups import GroupMember, GroupRun, OrchestrationGroup
from orchestrations.models.orchestrations import Orchestration
from orchestrations.models.retention import RetentionReport
from orchestrations.models.runs import Batch, Run
from orchestrations.models.schedules import Schedule
from orchestrations.models.streams import Chunk, Stream, WriteKey

__all__ = [
    "Audience",
    "AudienceReading",
    "Batch",
    "Chunk",
    "Claim",
    "Dataset",
    "GroupMember",
    "GroupRun",
    "Orchestration",
    "OrchestrationGroup",
    "Query",
    "RetentionReport",
    "Run",
    "RunAudience",
    "Schedule",
    "Stream",
    "WriteKey",
    "table_name_validate",
]
