"""E-mail, phone, external id and device id: normalised and hashed with SHA-256, lower hex.

Sources: TikTok Events API 2.0 payload (doc 1771101303285761): e-mails trimmed and lower-cased, phones in E.164 with
`+`. Audiences (doc 1739566528222210) have another rule for e-mails; device ids are all in one case. A value that is 64
hexadecimal digits is taken for a hash made by the customer.
"""

from collections.abc import Callable

from destinations.preparation.kernels.base import Column, Kernel, Setup
from destinations.preparation.kernels.patterns import (
    ASCII,
    E164,
    EMAIL,
    EMAIL_LENGTH,
    NANP,
    NO_UUID,
    PHONE_NOISE,
    UUID,
)
from destinations.preparation.sql import HEX64, clean, full, literal, marked, payload, reason, trimmed


def email_for_events(address: str) -> str:
    """Write an address as events have it: in lower case."""
    return f"lower({address})"


def email_for_audiences(address: str) -> str:
    """Write an address as audiences have it: before the @ without dots and without `+tag`, all in lower case.

    The same for every domain. A tag alone before the @ leaves nothing and must be refused beforehand.
    """
    local = f"replace(split_part(split_part({address}, '@', 1), '+', 1), '.', '')"
    return f"lower({local} || substr({address}, strpos({address}, '@')))"


EMAIL_RULES: dict[str, Callable[[str], str]] = {"events": email_for_events, "audience": email_for_audiences}


def email(column: Column, setup: Setup) -> Kernel:
    """Normalise e-mail addresses by the rule that the settings name, else by that of events.

    Only ASCII ones take the SQL path: engines lower other letters differently.
    """
    rule = str(setup.settings.get("email_rule") or "events")
    x, ok, text = column.raw, column.named("ok"), column.named("text")
    filled = " AND NOT starts_with({}, '+')" if rule == "audience" else ""
    good = f"({full('{}', EMAIL)} AND strlen({{}}) <= {EMAIL_LENGTH}{filled})"
    empty = f" OR starts_with({text}, '+')" if rule == "audience" else ""
    careful = f"""CASE WHEN {text} IS NULL THEN NULL
        WHEN {full(text, HEX64)} THEN '#' || lower({text})
        WHEN {good.replace("{}", text)} THEN '=' || {text}
        WHEN {full(text, ASCII)}{empty} THEN '!bad_email'
        ELSE careful_email({text}) END"""
    return _hashed(column, good.replace("{}", x), EMAIL_RULES[rule], ({text: _unless(ok, trimmed(x))},), careful)


def phone(column: Column, setup: Setup) -> Kernel:
    """Normalise phones to E.164: noise and a trunk `(0)` removed, `00` read as `+`, national numbers completed."""
    x, ok, text, dial = column.raw, column.named("ok"), column.named("text"), column.named("dial")
    bare = f"regexp_replace(replace({text}, '(0)', ''), {literal(PHONE_NOISE)}, '', 'g')"
    careful = f"""CASE WHEN {text} IS NULL THEN NULL
        WHEN {full(text, HEX64)} THEN '#' || lower({text})
        WHEN {full(dial, E164)} THEN '=' || {dial}
        WHEN NOT {full(dial, "[0-9]+")} THEN '!bad_phone'
        WHEN {setup.country} IS NULL THEN '!phone_without_country'
        WHEN ({setup.country} = 'US' OR {setup.country} = 'CA') AND {full(dial, NANP)} THEN '=+1' || right({dial}, 10)
        ELSE careful_phone({dial}, {setup.country}) END"""
    dialled = f"CASE WHEN {text} IS NOT NULL THEN regexp_replace({bare}, '^00', '+') END"
    steps = ({text: _unless(ok, trimmed(x))}, {dial: dialled})
    return _hashed(column, full(x, E164), _same, steps, careful)


def device_id(column: Column, setup: Setup) -> Kernel:
    """Take UUIDs (IDFA, AAID) in either case; all zeros is what a device gives that will not be tracked."""
    x, ok, text = column.raw, column.named("ok"), column.named("text")
    good = f"({full('{}', UUID)} AND {{}} <> '{NO_UUID}')"
    careful = f"""CASE WHEN {text} IS NULL THEN NULL
        WHEN {full(text, HEX64)} THEN '#' || lower({text})
        WHEN {good.replace("{}", text)} THEN '=' || {text}
        ELSE '!bad_device_id' END"""
    return _hashed(column, good.replace("{}", x), _lower, ({text: _unless(ok, trimmed(x))},), careful)


def external_id(column: Column, setup: Setup) -> Kernel:
    """Trim an id of the advertiser's own and keep its case: it must equal what the site's pixel sends."""
    x, ok, text = column.raw, column.named("ok"), column.named("text")
    careful = f"""CASE WHEN {text} IS NULL THEN NULL
        WHEN {full(text, HEX64)} THEN '#' || lower({text})
        ELSE '=' || {text} END"""
    return _hashed(column, f"({clean(x)} AND strlen({x}) <> 64)", _same, ({text: _unless(ok, trimmed(x))},), careful)


def _unless(ok: str, expression: str) -> str:
    return f"CASE WHEN {ok} THEN NULL ELSE {expression} END"


def _lower(text: str) -> str:
    return f"lower({text})"


def _same(text: str) -> str:
    return text


def _hashed(
    column: Column, good: str, change: Callable[[str], str], steps: tuple[dict[str, str], ...], careful: str
) -> Kernel:
    """Hash what is clean and what the careful path made clean in one go; only ready-made hashes pass as they are."""
    ok, answer, value, bad = (column.named(part) for part in ("ok", "answer", "value", "bad"))
    chosen = f"CASE WHEN {ok} THEN {column.raw} WHEN {marked(answer, '=')} THEN {payload(answer)} END"
    layers: tuple[dict[str, str], ...] = ({ok: good}, *steps, {answer: careful})
    if change is not _same:
        layers, chosen = (*layers, {column.named("chosen"): chosen}), column.named("chosen")
    digest = f"CASE WHEN {marked(answer, '#')} THEN {payload(answer)} ELSE sha256({change(chosen)}) END"
    return Kernel((*layers, {value: digest, bad: reason(answer)}), value, bad, change(chosen))
