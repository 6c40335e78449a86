"""System checks name what is inconsistent."""

import pytest

from tiktok_hub.checks import (
    metrics_check,
    retention_check,
    retry_check,
    several_machines_check,
    storage_check,
    tiktok_app_check,
)

CASES = [
    pytest.param(tiktok_app_check, {"TIKTOK_APP_SECRET": ""}, "hub.E001", id="half an app"),
    pytest.param(tiktok_app_check, {"TIKTOK_API_URL": "business-api.tiktok.com"}, "hub.E002", id="no address"),
    pytest.param(tiktok_app_check, {"TIKTOK_API_URL": "http://tiktok.example/"}, "hub.E003", id="unencrypted"),
    pytest.param(tiktok_app_check, {"TIKTOK_API_LEVEL": "gold"}, "hub.E004", id="unknown level"),
    pytest.param(retry_check, {"HUB_RETRY_SECONDS": [5.0, -1.0]}, "hub.E005", id="negative wait"),
    pytest.param(retry_check, {"HUB_LEASE_SECONDS": 0.1}, "hub.E006", id="tiny lease"),
    pytest.param(
        several_machines_check,
        {"HUB_EMBEDDED_BROKER": False, "HUB_ENCRYPTION_KEYS_GIVEN": False},
        "hub.W001",
        id="keys of one machine",
    ),
    pytest.param(metrics_check, {"HUB_METRICS_TOKEN": "secret"}, "hub.W020", id="short token"),
    pytest.param(retention_check, {"HUB_RETENTION_LINKS_DAYS": -1.0}, "hub.E020", id="negative retention"),
    pytest.param(retention_check, {"HUB_RETENTION_SPOOL_DAYS": 91.0}, "hub.E021", id="spool outlives rejects"),
    pytest.param(retention_check, {"HUB_RETENTION_RUNS_DAYS": 89.0}, "hub.E021", id="rejects outlive runs"),
    pytest.param(retention_check, {"HUB_RETENTION_HOUR": 24}, "hub.E022", id="no hour"),
    pytest.param(storage_check, {"HUB_STORAGE_URL": "s3://bucket"}, "hub.E007", id="no folder"),
]


@pytest.mark.parametrize(("check", "values", "expected"), CASES)
def test_a_setting_that_makes_no_sense_is_named_with_a_hint(settings, check, values, expected):
    for name, value in values.items():
        setattr(settings, name, value)
    found = {message.id: message for message in check()}
    assert found[expected].hint
