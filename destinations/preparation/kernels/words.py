"""Texts, and texts that must be one of some words."""

import phonenumbers

from destinations.preparation.iso4217 import ISO_4217
from destinations.preparation.kernels.base import Column, Kernel, Setup
from destinations.preparation.sql import among, clean, literal, trimmed

TRUE, FALSE = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
EVENT_NAME_LENGTH = 50


def _text(x: str) -> str:
    return f"CASE WHEN {clean(x)} THEN {x} ELSE {trimmed(x)} END"


def text(column: Column, setup: Setup) -> Kernel:
    """Trim; blank is missing."""
    value = column.named("value")
    return Kernel(({value: _text(column.raw)},), value)


def event_name(column: Column, setup: Setup) -> Kernel:
    """Take one of the standard names, case-sensitive; where none are declared (web), any name up to 50 characters."""
    given, value, bad = column.named("given"), column.named("value"), column.named("bad")
    fixed = setup.settings.get(column.field.fallback or "")
    name = f"coalesce({_text(column.raw)}, {literal(str(fixed))})" if fixed else _text(column.raw)
    standard = column.field.choices_in(setup.source)
    good = among(given, standard) if standard else f"length({given}) <= {EVENT_NAME_LENGTH}"
    why = "unknown_event" if standard else "event_name_too_long"
    layers = (
        {given: name},
        {value: f"CASE WHEN {good} THEN {given} END", bad: f"CASE WHEN NOT ({good}) THEN '{why}' END"},
    )
    return Kernel(layers, value, bad)


def choice(column: Column, setup: Setup) -> Kernel:
    """Take one of the declared words in any case."""
    why = literal(f"bad_{column.field.word or column.field.column}")
    return _one_of(column, column.field.choices, f"lower({trimmed(column.raw)})", why)


def currency(column: Column, setup: Setup) -> Kernel:
    """Take an ISO 4217 code in any case that the receiver supports."""
    known, answer = column.field.choices, column.named("answer")
    why = f"CASE WHEN {among(answer, ISO_4217)} THEN 'unsupported_currency' ELSE 'bad_currency' END"
    return _one_of(column, known, f"upper({trimmed(column.raw)})", why)


def country(column: Column, setup: Setup) -> Kernel:
    """Take an ISO 3166 alpha-2 code in any case that libphonenumber has metadata for."""
    return _one_of(column, REGIONS, f"upper({trimmed(column.raw)})", "'bad_country'")


def _one_of(column: Column, known: tuple[str, ...] | frozenset[str], normalised: str, why: str) -> Kernel:
    """Compare with the words as they are first, normalise only what differs."""
    x, ok, answer = column.raw, column.named("ok"), column.named("answer")
    value, bad = column.named("value"), column.named("bad")
    layers = (
        {ok: among(x, known)},
        {answer: f"CASE WHEN {ok} THEN NULL ELSE {normalised} END"},
        {
            value: f"CASE WHEN {ok} THEN {x} WHEN {among(answer, known)} THEN {answer} END",
            bad: f"CASE WHEN NOT {among(answer, known)} THEN {why} END",
        },
    )
    return Kernel(layers, value, bad)


def boolean(column: Column, setup: Setup) -> Kernel:
    """Give a SQL boolean."""
    if column.native == "BOOLEAN":
        return Kernel((), column.raw)
    answer, value, bad = column.named("answer"), column.named("value"), column.named("bad")
    layers = (
        {answer: f"lower({trimmed(column.raw)})"},
        {
            value: f"CASE WHEN {among(answer, TRUE)} THEN true WHEN {among(answer, FALSE)} THEN false END",
            bad: f"CASE WHEN NOT {among(answer, TRUE + FALSE)} THEN 'bad_boolean' END",
        },
    )
    return Kernel(layers, value, bad)


def same(column: Column, setup: Setup) -> Kernel:
    """Compare with the setting the row may repeat but not change."""
    setting = column.field.fallback or column.field.column
    expected, bad = literal(str(setup.settings.get(setting))), column.named("bad")
    given = trimmed(column.raw)
    if column.field.choices:
        given = f"lower({given})"
    return Kernel(({bad: f"CASE WHEN {given} <> {expected} THEN '{setting}_mismatch' END"},), "NULL", bad)
