"""Alerts: channels, rules, incidents, deliveries."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class AlertsConfig(AppConfig):
    """Alerts about runs, credentials and audiences."""

    name = "orchestrations.alerts"
    label = "alerts"
    verbose_name = "Alerts"

    def ready(self) -> None:
        """Have each night delete what is old."""
        old = import_string("orchestrations.alerts.services.alerts_old")
        further = import_string("orchestrations.retention.rules.further_add")
        further("alerts", lambda cutoffs: old(cutoffs.alerts))
