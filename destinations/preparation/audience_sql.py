"""The SQL of audiences: rows to digests by id type, digests to the texts of requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from destinations.preparation.contract import ID_TYPES, Context, Declaration, Settings
from destinations.preparation.errors import PreparationError
from destinations.preparation.fields import Field, Kind, Required
from destinations.preparation.kernels import Setup
from destinations.preparation.sql import literal
from destinations.preparation.stages import Stages, country_value, stages
from destinations.preparation.verdicts import issue, missing_one_of, warnings

EMAIL, PHONE, IDFA, AAID = range(len(ID_TYPES))
KERNEL = {EMAIL: Kind.EMAIL, PHONE: Kind.PHONE, IDFA: Kind.DEVICE_ID, AAID: Kind.DEVICE_ID}
DEVICES = frozenset({IDFA, AAID})
HEADERS = {EMAIL: "email_SHA256", PHONE: "phone_SHA256", IDFA: "MAID_SHA256", AAID: "MAID_SHA256"}
DEFAULT_RULE = "audience"


def kinds_of(settings: Settings) -> tuple[int, ...]:
    """Give the id types that the settings select, in their fixed order."""
    chosen = settings.get("user_id_types")
    names = set(map(str, chosen)) if isinstance(chosen, (list, tuple)) else set()
    if not names or names - set(ID_TYPES):
        raise PreparationError("The setting user_id_types must name one or more of EMAIL, PHONE, IDFA and AAID.")
    return tuple(kind for kind, name in enumerate(ID_TYPES) if name in names)


@dataclass(frozen=True)
class AudienceSql:
    """What is text about the reading of rows: built once, no rows seen yet."""

    spec: Declaration
    settings: Settings
    context: Context
    relation: str
    columns: Mapping[str, str]

    @cached_property
    def kinds(self) -> tuple[int, ...]:
        """The id types that are read."""
        return kinds_of(self.settings)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The columns of the chosen types, and the country where phones may need one."""
        found = {field.column: field for field in self.spec.fields}
        ids = [
            replace(found[ID_TYPES[kind].lower()], sources=(), kind=KERNEL[kind], required=Required.ONE_OF)
            for kind in self.kinds
        ]
        countries = [replace(field, sources=()) for field in self.spec.fields if field.kind is Kind.COUNTRY]
        return (*ids, *(countries if PHONE in self.kinds else ()))

    @cached_property
    def setup(self) -> Setup:
        """What kernels need to know."""
        default = literal(self.context.default_country) if self.context.default_country else "NULL"
        own = country_value(self.fields, self.columns)
        country = f"coalesce({own}, {default})" if own else default
        rule = str(self.settings.get("email_rule") or DEFAULT_RULE)
        return Setup("", self.context.now, 0, {"email_rule": rule}, country, lambda local: "0")

    @cached_property
    def parts(self) -> Stages:
        """The kernels chained over the relation."""
        made = stages(self.fields, self.relation, self.columns, self.setup)
        for field in self.fields:
            if len(made.of(field)) > 1:
                raise PreparationError(
                    f"Column {field.column} holds several values per row. An audience takes one of each type: "
                    "select a row for each value (unnest)."
                )
        return made

    def reading(self) -> str:
        """Select _row, issues and one column of digests (`id_<kind>`) per id type, in the order of the rows."""
        ids = [field for field in self.fields if field.required == Required.ONE_OF]
        verdict = missing_one_of(self.parts, ids, "missing_identity")
        digests = ", ".join(f"unhex({self.value(kind)}) AS {digest_name(kind)}" for kind in self.kinds)
        return f"""{self.parts.sql}, judged AS (SELECT *, {verdict} AS verdict FROM ready)
            SELECT _row, {digests}, CASE WHEN verdict IS NOT NULL THEN [{issue(self.parts, "verdict")}]
                ELSE {warnings(self.parts, [])} END AS issues FROM judged"""  # noqa: S608 - all parts are quoted

    def value(self, kind: int) -> str:
        """Name the normalised digest (hex) of an id type."""
        found = self.parts.value(ID_TYPES[kind].lower())
        return "NULL::VARCHAR" if found == "NULL" else found


def digest_name(kind: int) -> str:
    """Name the column of an id type's digests."""
    return f"id_{kind}"


def hexed(kind: int) -> str:
    """Write a digest in lower hex."""
    return f"lower(hex({digest_name(kind)}))"


def person_json(kinds: Sequence[int], audience: str) -> str:
    """Write the ids of a position of `batch_data`: an object per id type, empty where the person has none."""
    before, after = literal('{"id":"'), literal(f'","audience_ids":["{audience}"]}}')
    items = [f"coalesce({before} || {hexed(kind)} || {after}, '{{}}')" for kind in kinds]
    return f"concat('[', {_separated(items)}, '],')"


def file_header(kinds: Sequence[int]) -> str:
    """Write the first line of a file of several id types (TikTok doc 1747012327159809); "" for a single type."""
    return ",".join(HEADERS[column] for column in _file_columns(kinds)) + "\n" if len(kinds) > 1 else ""


def file_lines(kinds: Sequence[int]) -> str:
    """Write the line of a person in a file; a person with ids of two kinds of devices needs two."""
    if len(kinds) == 1:
        return f"{hexed(kinds[0])} || chr(10)"
    columns = _file_columns(kinds)
    device = f"coalesce({hexed(IDFA)}, {hexed(AAID)})" if {IDFA, AAID} <= set(kinds) else hexed(columns[-1])
    cells = [f"coalesce({device if kind in DEVICES else hexed(kind)}, '')" for kind in columns]
    more = ""
    if {IDFA, AAID} <= set(kinds):
        both = f"{digest_name(IDFA)} IS NOT NULL AND {digest_name(AAID)} IS NOT NULL"
        commas = literal("," * (len(columns) - 1))
        more = f", CASE WHEN {both} THEN {commas} || {hexed(AAID)} || chr(10) END"
    return f"concat({_separated(cells)}, chr(10){more})"


def _file_columns(kinds: Sequence[int]) -> list[int]:
    """Give the types that are columns of a file: both kinds of device ids share one."""
    plain = [kind for kind in kinds if kind not in DEVICES]
    return plain + [kind for kind in kinds if kind in DEVICES][:1]


def _separated(items: list[str]) -> str:
    return ", ',', ".join(items)
