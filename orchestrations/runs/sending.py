"""What a sandbox may send: plans always, else samples, test events, or anything to an emulator on this machine.

One rule, asked wherever something is about to be sent: by pages, commands, the API and schedules, when a run starts,
when it is tried again and when it is released.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as hub
from django.core.exceptions import ValidationError

from orchestrations.choices import RunPurpose, RunTrigger
from orchestrations.models import Orchestration

SAMPLES = (10, 100)
RESTS = "Schedules rest in a sandbox: nothing starts by itself here. Promote the schedule, and it runs in production."
SAMPLE = f"a sample of at most {max(SAMPLES)} rows"
EVENTS = (
    f"A sandbox does not send everything to TikTok. Plan it, send {SAMPLE}, or set a test event code: test events count"
    " for nothing. What is promoted can be run in production."
)
AUDIENCE = (
    f"A sandbox does not send everything to TikTok. Plan it, or send {SAMPLE} to the sandbox's own audience. What is "
    "promoted can be run in production."
)


def sending_check(
    orchestration: Orchestration, settings: Mapping[str, Any], *, purpose: str, sample: int | None, trigger: str = ""
) -> None:
    """Raise ValidationError, with what to do instead, for what a sandbox may not send; production may send all."""
    if refusal := sending_refusal(orchestration, settings, purpose=purpose, sample=sample, trigger=trigger):
        raise ValidationError(refusal)


def sending_refusal(
    orchestration: Orchestration,
    settings: Mapping[str, Any],
    *,
    purpose: str = RunPurpose.DELIVER,
    sample: int | None = None,
    trigger: str = "",
) -> str:
    """Return why something may not be sent, or nothing; `settings` are the effective ones."""
    if orchestration.tenant.sandbox_of_id is None:
        return ""
    if trigger == RunTrigger.SCHEDULE:
        return RESTS
    sampled = sample is not None and sample <= max(SAMPLES)
    if purpose == RunPurpose.PLAN or sampled or settings.get("test_event_code") or is_emulated():
        return ""
    return AUDIENCE if orchestration.destination.spec.keeps_audience else EVENTS


def is_emulated() -> bool:
    """Say whether what stands for TikTok is this machine: an emulator, since TikTok itself never is."""
    host = urlsplit(hub.TIKTOK_API_URL).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
