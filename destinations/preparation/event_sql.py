"""The SQL of events: from stages of normalised columns to one JSON text per row, or to its parts for grouping."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfoNotFoundError

from destinations.preparation.contract import Context, Declaration, Settings
from destinations.preparation.errors import PreparationError
from destinations.preparation.fields import Field, Kind, Required
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
from destinations.preparation.wire import fragment, joined, object_sql, tree
from destinations.preparation.zones import DAY, offset_sql

WEEK = 7 * DAY
ID_LENGTH = 32
PER_ROW = frozenset({"event", "event_time"})
"""Required of every row; other required fields may come from another row of the same event."""

LINE = "CASE WHEN {price} IS NOT NULL THEN {price}::DECIMAL(28, 10) * coalesce({quantity}, '1')::DECIMAL(10, 0) END"
LINE_LIMIT = "1000000000000000000::DECIMAL(38, 10)"


@dataclass(frozen=True)
class EventSql:
    """Everything about one preparation that is text: built once, no rows seen yet."""

    spec: Declaration
    settings: Settings
    context: Context
    relation: str
    columns: Mapping[str, str]

    @property
    def source(self) -> str:
        """The event source."""
        return str(self.settings["event_source"])

    @cached_property
    def setup(self) -> Setup:
        """What kernels need to know."""
        max_age = int(str(self.settings.get("max_age_days") or 28)) * DAY
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
        found["event_id"] = (
            f"""'"event_id":' || CASE WHEN {given} IS NULL THEN '"' || generated || '"' ELSE to_json({given}) END"""
        )
        if self._has_value:
            found["properties.value"] = """'"value":' || amount"""
            code = f"coalesce({self.parts.value('currency')}, CASE WHEN amount IS NOT NULL THEN {self._default('currency')} END)"
            found["properties.currency"] = f"""'"currency":"' || {code} || '"'"""
        if self.item != "NULL":
            kind = f"coalesce({self.parts.value('content_type')}, CASE WHEN item IS NOT NULL THEN {self._default('content_type')} END)"
            found["properties.content_type"] = f"""'"content_type":"' || {kind} || '"'"""
        flag = self.field("limited_data_use")
        if self.settings.get("limited_data_use") and flag.applies(self.source):
            found["limited_data_use"] = fragment(flag, [f"coalesce({self.parts.value('limited_data_use')}, true)"])
        order = [field.target for field in self.spec.fields if field.target]
        return {path: found[path] for path in order if path in found}

    def _default(self, column: str) -> str:
        return literal(self.field(column).default or "")

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
        rules = []
        price = self.parts.value("price")
        if price != "NULL":
            rules.append((f"strlen({price}) > 9 AND {self.line} >= {LINE_LIMIT}", "f_price", "number_too_large"))
        return row_reject(self.parts, self.always, self.source, rules)

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

    def rows(self, relation: str) -> str:
        """One JSON text per row: columns _row, issues, old, json (NULL where rejected). `relation` has `_ordinal`."""
        first = ", ".join([self.row_verdict, *self.event_level])
        return f"""{self.stages("_ordinal", relation).sql},
            judged AS (SELECT *, coalesce({first}) AS verdict FROM ready),
            made AS (SELECT *, {self.amount} AS amount, {self.item} AS item, {self.generated} AS generated FROM judged)
            SELECT _row, CASE WHEN verdict IS NOT NULL THEN [{issue(self.parts, "verdict")}]
                    ELSE {warnings(self.parts, self.always)} END AS issues,
                verdict IS NULL AND {self.parts.value("timestamp")} < {self.context.now - WEEK} AS old,
                CASE WHEN verdict IS NULL THEN concat('{{', {object_sql(self._ready_tree())}, '}},') END AS json FROM made"""

    def _ready_tree(self) -> dict[str, object]:
        nested = {path: sql for path, sql in self.fragments.items() if "contents[]" not in path}
        if self.item != "NULL":
            nested = {"properties.contents[].members": "item"} | nested
        order = ["event", "event_time", "event_id", "user", "properties", "page", "limited_data_use"]
        made = tree(nested)
        return {key: made[key] for key in order if key in made}

    @property
    def every_column(self) -> str:
        """SQL that is equal for rows that are equal in every column of the query."""
        return f"hash({', '.join(name(column) for column in self.columns)})"
