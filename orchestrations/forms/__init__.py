"""Forms for datasets, queries, orchestrations and streams."""

from orchestrations.forms.datasets import DatasetForm, DatasetUploadForm
from orchestrations.forms.groups import OrchestrationGroupForm
from orchestrations.forms.orchestrations import OrchestrationForm
from orchestrations.forms.queries import QueryForm
from orchestrations.forms.schedules import ScheduleForm
from orchestrations.forms.streams import StreamForm

__all__ = [
    "DatasetForm",
    "DatasetUploadForm",
    "OrchestrationForm",
    "OrchestrationGroupForm",
    "QueryForm",
    "ScheduleForm",
    "StreamForm",
]
