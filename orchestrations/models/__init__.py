"""What the database knows: rows' origins, orchestrations, runs, audiences."""

from orchestrations.models.audiences import Audience, AudienceReading, Claim, RunAudience
from orchestrations.models.datasets import Dataset, Query, table_name_validate
from orchestrations.models.orchestrations import Orchestration, Schedule
from orchestrations.models.retention import RetentionReport
from orchestrations.models.runs import Batch, Run

__all__ = [
    "Audience",
    "AudienceReading",
    "Batch",
    "Claim",
    "Dataset",
    "Orchestration",
    "Query",
    "RetentionReport",
    "Run",
    "RunAudience",
    "Schedule",
    "table_name_validate",
]
