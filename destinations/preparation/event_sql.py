"""The SQL of events: from stages of normalised columns to one JSON text per row, or to its parts for grouping."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from zoneinfo import ZoneInfoNotFoundError

from destinations.preparation.assembly import CONTENT_TYPE, CONTENTS, CURRENCY, LIMITED, VALUE, Assembly
from destinations.preparation.contract import Context, Declaration, Settings
from destinations.preparation.errors import PreparationError
from destinations.preparation.fields import Field, Required
from destinations.preparation.kernels import Setup
from destinations.preparation.kernels.patterns import WIRE_NUMBER
from destinations.preparation.sql import full, literal, name, payload
from destinations.preparation.stages import Stages, country_value, stages
from destinations.preparation.verdicts import (
    issue,
    missing_one_of,
    missing_value,
    required_fields,
    row_reject,
    warnings,
)
from destinations.preparation.windows import ATTRIBUTION_DAYS
from destinations.preparation.wire import Tree, fragment, joined, object_sql, tree
from destinations.preparation.zones import DAY, offset_sql

WEEK = 7 * DAY
ID_LENGTH = 32
PER_ROW = frozenset({"event", "event_time"})
"""Required of every row; other required fields may come from another row of the same event."""

LEAD = "hub_lead_of_event"
"""Column of a gathered relation: the first row of the row's event."""

MADE = frozenset({VALUE, CURRENCY, CONTENT_TYPE, LIMITED})
"""Made from the whole group rather than taken from its first row."""

LINE = "(try_cast({price} AS DECIMAL(28, 10)) * try_cast(coalesce({quantity}, '1') AS DECIMAL(10, 0)))"
LINE_LIMIT = "1000000000000000000::DECIMAL(38, 10)"


def age_limit(settings: Settings) -> int:
    """Return how old an event may be to be sent, in seconds."""
    return int(str(settings.get("max_age_days") or ATTRIBUTION_DAYS)) * DAY


@dataclass(frozen=True)
class EventSql:
    """Everything about one preparation that is text: built once, no rows seen yet."""

    spec: Declaration
    settings: Settings
    context: Context
    relation: str
    columns: Mapping[str, str]

    @property
    def whole(self) -> "EventSql":
        """The same over all rows of the query, where only some of them are prepared."""
        return replace(self, relation=self.context.among) if self.context.among else self

    @property
    def source(self) -> str:
        """The event source."""
        return str(self.settings["event_source"])

    @cached_property
    def setup(self) -> Setup:
        """What kernels need to know."""
        max_age = age_limit(self.settings)
        now = self.context.now
        try:
            offset = offset_sql(self.context.time_zone, now - max_age - 2 * DAY, now + 2 * DAY)
        except (ZoneInfoNotFoundError, ValueError):
            raise PreparationError(f"There is no time zone {self.context.time_zone}.") from None
        default = literal(self.context.default_country) if self.context.default_country else "NULL"
        own = country_value(self.spec.fields, self.columns)
        country = f"coalesce({own}, {default})" if own else default
        return Setup(self.source, now, max_age, self.settings, country, offset)

    def stages(self, extra: str = "", relation: str | None = None) -> Stages:
        """Chain the kernels over the relation."""
        return stages(self.spec.fields, relation or self.relation, self.columns, self.setup, extra)

    @cached_property
    def parts(self) -> Stages:
        """The readings alone: names of values do not depend on the relation."""
        return self.stages()

    def field(self, column: str) -> Field:
        """Give a declared field."""
        return next(field for field in self.spec.fields if field.column == column)

    @cached_property
    def always(self) -> list[Field]:
        """Fields required of every row."""
        required = required_fields(self.spec.fields, self.source, Required.ALWAYS)
        return [field for field in required if field.target in PER_ROW]

    @cached_property
    def event_level(self) -> list[str]:
        """Verdicts that another row of the same event can lift: identity, page URL."""
        group = required_fields(self.spec.fields, self.source, Required.ONE_OF)
        verdicts = [missing_one_of(self.parts, group, "missing_identity")] if group else []
        required = required_fields(self.spec.fields, self.source, Required.ALWAYS)
        return verdicts + [missing_value(self.parts, field) for field in required if field.target not in PER_ROW]

    @cached_property
    def fragments(self) -> dict[str, str]:
        """Target path → SQL of `"key":value`, in declared order, as far as the query has the field."""
        found = {
            field.target: fragment(field, self.parts.values(field))
            for field in self.spec.fields
            if field.target and self.parts.of(field)
        }
        return self._filled(found)

    def _filled(self, found: dict[str, str]) -> dict[str, str]:
        """Put in what is made from other columns or settings, at its declared place."""
        given = self.parts.value("event_id")
        found["event_id"] = f"""'"event_id":' || to_json(coalesce({given}, generated))"""
        if self._has_value:
            found[VALUE] = """'"value":' || amount"""
            found[CURRENCY] = self._defaulted("currency", "amount")
        if self.item != "NULL":
            found[CONTENT_TYPE] = self._defaulted("content_type", "item")
        flag = self.field("limited_data_use")
        if self.settings.get("limited_data_use") and flag.applies(self.source):
            found["limited_data_use"] = fragment(flag, [f"coalesce({self.parts.value('limited_data_use')}, true)"])
        order = [field.target for field in self.spec.fields if field.target]
        return {path: found[path] for path in order if path in found}

    def _defaulted(self, column: str, presence: str) -> str:
        default = literal(self.field(column).default or "")
        value = f"coalesce({self.parts.value(column)}, CASE WHEN {presence} IS NOT NULL THEN {default} END)"
        return fragment(self.field(column), [value])

    @property
    def _has_value(self) -> bool:
        return self.parts.value("value") != "NULL" or self.parts.value("price") != "NULL"

    @cached_property
    def item(self) -> str:
        """SQL of the members of a content, NULL where the row has none."""
        return joined(
            [
                fragment(field, self.parts.values(field))
                for field in self.spec.fields
                if field.target and "contents[]" in field.target and self.parts.of(field)
            ]
        )

    @property
    def line(self) -> str:
        """SQL of price × quantity, exact."""
        price, quantity = self.parts.value("price"), self.parts.value("quantity")
        return LINE.format(price=price, quantity=quantity) if price != "NULL" else "NULL::DECIMAL(38, 10)"

    @property
    def amount(self) -> str:
        """SQL of the value of a single row: given, else price × quantity."""
        given = self.parts.value("value")
        if self.parts.value("price") == "NULL":
            return given
        plain = f"rtrim(rtrim(({self.line})::VARCHAR, '0'), '.')"
        made = f"CASE WHEN {full(plain, WIRE_NUMBER)} THEN {plain} ELSE {payload(f'careful_number({plain})')} END"
        return (
            f"CASE WHEN {given} IS NOT NULL THEN {given} WHEN {self.parts.value('price')} IS NOT NULL THEN {made} END"
        )

    @property
    def row_verdict(self) -> str:
        """SQL of the verdict on a row alone."""
        rules: list[tuple[str, str, str]] = []
        price = self.parts.value("price")
        if price != "NULL":
            rules.append((f"strlen({price}) > 9 AND {self.line} >= {LINE_LIMIT}", "f_price", "number_too_large"))
        return row_reject(self.parts, self.always, rules)

    @cached_property
    def key(self) -> str:
        """SQL of what tells rows without event_id apart; equal rows are numbered by `_ordinal`."""
        identities = [v for column in ("email", "phone", "external_id") for v in self._digests(column)]
        values = [self.parts.value("event"), *identities]
        values += [
            f"{self.parts.value('timestamp')}::VARCHAR",
            self.parts.value("order_id"),
            self.parts.value("content_id"),
        ]
        texts = ", ".join(f"coalesce({value}, '')" for value in values)
        return f"concat_ws(chr(31), {literal(str(self.settings['event_source_id']))}, {texts})"

    def _digests(self, column: str) -> list[str]:
        values = self.parts.values(self.field(column))
        return [f"concat_ws(',', {', '.join(values)})"] if values else ["''"]

    @property
    def generated(self) -> str:
        """SQL of the id made for a row without one."""
        digest = f"left(sha256({self.key} || coalesce(chr(31) || _ordinal, '')), {ID_LENGTH})"
        given = self.parts.value("event_id")
        return digest if given == "NULL" else f"CASE WHEN {given} IS NULL THEN {digest} END"

    def _judged(self, relation: str, ordinal: str, extra: str = "") -> str:
        """Chain up to `made`: verdict of the row alone, item, generated id."""
        chain = self.stages(f"{ordinal} AS _ordinal{extra}", relation).sql
        return f"""{chain}, judged AS (SELECT *, {self.row_verdict} AS verdict FROM ready),
            made AS (SELECT *, {self.item} AS item, {self.generated} AS generated FROM judged)"""  # noqa: S608 - all parts are quoted

    def rows(self, ordinal: str) -> str:
        """Select one JSON text per row: _row, valid, old, issues, json. `ordinal` is SQL over `_row`.

        Texts of rejected rows are written too and thrown away: under a CASE, all expressions would pick their rows
        one by one, which costs more than what a few per cent of rejects save.
        """
        event_level = ", ".join(["verdict", *self.event_level])
        object_ = object_sql(self._payload({CONTENTS: "item"} | self.fragments))
        return f"""{self._judged(self.relation, ordinal)},
            final AS (SELECT * REPLACE (coalesce({event_level}) AS verdict), {self.amount} AS amount FROM made)
            SELECT _row, verdict IS NULL AS valid,
                CASE WHEN verdict IS NOT NULL THEN [{issue(self.parts, "verdict")}]
                    ELSE {warnings(self.parts, self.always)} END AS issues,
                coalesce(verdict IS NULL AND {self.parts.value("timestamp")} < {self.context.now - WEEK}, false) AS old,
                concat('{{', {object_}, '}},') AS json FROM final"""  # noqa: S608 - all parts are quoted

    def groups(self, relation: str, ordinal: str) -> str:
        """Select what events are grouped from: keys, verdicts and one column per fragment.

        In the relation, rows of one event stand together.
        """
        needed = {f"need_{index}_text": sql for index, sql in enumerate(self.event_level)}
        needs = [f"CASE WHEN {text} IS NOT NULL THEN {issue(self.parts, text)} END" for text in needed]
        texts = "".join(f", {sql} AS {text}" for text, sql in needed.items())
        fragments = {target: sql for target, sql in self.fragments.items() if target not in MADE}
        columns = {
            "key_event": self.parts.value("event"),
            "key_id": self.parts.value("event_id"),
            "valid": "verdict IS NULL",
            "old": f"coalesce({self.parts.value('timestamp')} < {self.context.now - WEEK}, false)",
            "issues": f"""CASE WHEN verdict IS NOT NULL THEN [{issue(self.parts, "verdict")}]
                ELSE {warnings(self.parts, self.always)} END""",
            "same": "_same",
            "item": "NULL" if self.item == "NULL" else "item",
            "amount": self.parts.value("value"),
            "line": self.line,
            CURRENCY: self.parts.value("currency"),
            CONTENT_TYPE: self.parts.value("content_type"),
            LIMITED: self.parts.value("limited_data_use"),
            **{f"need_{index}": sql for index, sql in enumerate(needs)},
            **{target: sql for target, sql in fragments.items() if "contents[]" not in target},
        }
        given = ", ".join(
            f"{sql} AS {name(alias)}" for alias, sql in columns.items() if sql != "NULL" or alias == "key_id"
        )
        lead = "_row" if relation is self.relation else LEAD
        every = ", ".join(name(column) for column in self.columns)
        extra = f", {lead} AS _lead, hash({every}) AS _same"
        return f"""{self._judged(relation, ordinal, extra)}, final AS (SELECT *{texts} FROM made)
            SELECT _row, _lead, {given} FROM final"""  # noqa: S608 - all parts are quoted

    @property
    def assembly(self) -> Assembly:
        """How the columns of `groups` become texts again."""
        names = {target: target for target in self.fragments}
        limited = {LIMITED: LIMITED} if self.field(LIMITED).applies(self.source) else {}
        defaults = {
            CURRENCY: self.field("currency").default or "",
            CONTENT_TYPE: self.field("content_type").default or "",
        }
        nested = self._payload({CONTENTS: CONTENTS} | names | limited)
        return Assembly(nested, defaults, bool(self.settings.get(LIMITED)), len(self.event_level))

    def _payload(self, parts: dict[str, str]) -> Tree:
        """Nest fragments in declared order, contents as one."""
        order = ["event", "event_time", "event_id", "user", "properties", "page", LIMITED]
        kept = {path: sql for path, sql in parts.items() if "contents[]" not in path}
        if self.item != "NULL":
            kept = {CONTENTS: parts[CONTENTS]} | kept
        made = tree(kept)
        return {key: made[key] for key in order if made.get(key)}
