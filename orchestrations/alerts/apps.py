"""Alerts: channels, rules, incidents, deliveries."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Alerts about runs, credentials and audiences."""

    name = "orchestrations.alerts"
    label = "alerts"
    verbose_name = "Alerts"
