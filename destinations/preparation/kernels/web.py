"""What only web events carry, sent as it is: addresses of machines and pages, language."""

from destinations.preparation.kernels.base import Column, Kernel, Setup
from destinations.preparation.kernels.patterns import IPV4, IPV6, LOCALE, URL
from destinations.preparation.sql import clean, full, literal, marked, payload, reason, trimmed


def ip(column: Column, setup: Setup) -> Kernel:
    """Take an IPv4 or IPv6 address."""
    x, ok, answer = column.raw, column.named("ok"), column.named("answer")
    value, bad = column.named("value"), column.named("bad")
    careful = f"CASE WHEN {full(x, IPV6)} THEN '=' || {x} ELSE careful_ip({trimmed(x)}) END"
    layers = (
        {ok: full(x, IPV4)},
        {answer: f"CASE WHEN {ok} THEN NULL ELSE {careful} END"},
        {value: f"CASE WHEN {ok} THEN {x} WHEN {marked(answer, '=')} THEN {payload(answer)} END", bad: reason(answer)},
    )
    return Kernel(layers, value, bad)


def url(column: Column, setup: Setup) -> Kernel:
    """Take a complete http(s) address; the setting named by `fallback` fills what is missing or bad."""
    kernel = _matching(column, URL, "bad_url")
    default = setup.settings.get(column.field.fallback or "")
    if not default:
        return kernel
    value = column.named("filled")
    return Kernel((*kernel.layers, {value: f"coalesce({kernel.value}, {literal(str(default))})"}), value, kernel.bad)


def locale(column: Column, setup: Setup) -> Kernel:
    """Take a BCP 47 language tag; `_` is read as `-`."""
    return _matching(column, LOCALE, "bad_locale", "replace({}, '_', '-')")


def _matching(column: Column, pattern: str, why: str, change: str = "{}") -> Kernel:
    x, text, value, bad = column.raw, column.named("text"), column.named("value"), column.named("bad")
    good = full(text, pattern)
    layers = (
        {text: change.format(f"CASE WHEN {clean(x)} THEN {x} ELSE {trimmed(x)} END")},
        {value: f"CASE WHEN {good} THEN {text} END"},
        {bad: f"CASE WHEN {text} IS NOT NULL AND {value} IS NULL THEN '{why}' END"},
    )
    return Kernel(layers, value, bad)
