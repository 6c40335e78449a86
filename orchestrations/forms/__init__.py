"""Forms for datasets, queries and orchestrations."""

from orchestrations.forms.datasets import DatasetForm, DatasetUploadForm
from orchestrations.forms.orchestrations import OrchestrationForm
from orchestrations.forms.queries import QueryForm

__all__ = ["DatasetForm", "DatasetUploadForm", "OrchestrationForm", "QueryForm"]
