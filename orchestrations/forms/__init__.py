"""Forms for datasets, queries and orchestrations."""

from orchestrations.forms.datasets import DatasetForm, DatasetUploadForm
from orchestrations.forms.groups import OrchestrationGroupForm
from orchestrations.forms.orchestrations import OrchestrationForm
from orchestrations.forms.queries import QueryForm
from orchestrations.forms.schedules import ScheduleForm

__all__ = [
    "DatasetForm",
    "DatasetUploadForm",
    "OrchestrationForm",
    "OrchestrationGroupForm",
    "QueryForm",
    "ScheduleForm",
]
