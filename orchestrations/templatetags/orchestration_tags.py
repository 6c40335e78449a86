"""Numbers, durations and statuses as people read them on the pages of this app."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template

from orchestrations.choices import COLOURS

register = template.Library()

SOON, MINUTE, HOUR = 10, 60, 3600


@register.filter
def count(value: int | float | None) -> str:
    """Write a number with thousands separators; a dash where there is none."""
    return "–" if value is None else f"{value:,.0f}"


@register.filter
def duration(seconds: float | None) -> str:
    """Write a time span: `0.42 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds is None:
        return "–"
    if seconds < 10:  # noqa: PLR2004 - below ten seconds the fraction matters
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


@register.filter
def rough(seconds: float) -> str:
    """Write a time that is only guessed, no finer than it can be known: `a few seconds`, `about 3 min`."""
    if seconds < SOON:
        return "a few seconds"
    if seconds < MINUTE:
        return "less than a minute"
    if seconds < HOUR * 1.5:
        return f"about {seconds / MINUTE:.0f} min"
    return f"about {seconds / HOUR:.0f} h"


@register.filter
def at_zone(moment: datetime, time_zone: str) -> str:
    """Write a moment by the clock of a time zone: `Sun 22 Nov 2026, 02:30 EST`."""
    local = moment.astimezone(ZoneInfo(time_zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


@register.inclusion_tag("unfold/helpers/label.html")
def status_label(status: str, text: str) -> dict[str, str]:
    """Render a status as the theme's coloured label."""
    return {"type": COLOURS.get(status, "default"), "text": text}
