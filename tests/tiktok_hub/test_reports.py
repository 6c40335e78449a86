"""Error reports hide what may carry a secret."""

import pytest
from django.views.debug import get_default_exception_reporter_filter


@pytest.mark.parametrize("name", ["REDIS_URL", "CELERY_BROKER_URL", "HUB_ENCRYPTION_KEYS", "TIKTOK_APP_SECRET"])
def test_a_setting_that_may_hold_a_secret_is_not_shown(settings, name):
    setattr(settings, name, "redis://:marker@broker/0")
    get_default_exception_reporter_filter.cache_clear()
    shown = get_default_exception_reporter_filter().get_safe_settings()
    assert "marker" not in str(shown[name])
