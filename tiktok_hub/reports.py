"""What error reports may show of the settings."""

import re

from django.views.debug import SafeExceptionReporterFilter


class HubReporterFilter(SafeExceptionReporterFilter):
    """Hide addresses that may carry a password, beside what Django hides by name."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|REDIS_URL|BROKER_URL|DATABASE_URL", flags=re.IGNORECASE
    )
