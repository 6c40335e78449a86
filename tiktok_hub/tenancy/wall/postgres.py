"""The wall on PostgreSQL: forced row-level security, and triggers for what it does not cover (TRUNCATE, the log).

Names end with a digest of the definition, so that looking at names is enough to know that a definition is the present
one. Policies are permissive, one admits what another refuses: any but ours is a hole.
"""

import hashlib

from django.db.backends.utils import CursorWrapper

from tiktok_hub.tenancy.wall.connecting import ALL_SETTING, TENANT_SETTING
from tiktok_hub.tenancy.wall.tables import APPEND_REFUSAL, TENANT_REFUSAL, Table

PREFIX = "hub_wall_"
_ALL = f"current_setting('{ALL_SETTING}', true) = '1'"
_FUNCTION = """CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN {body} END $$"""
_RAISE = "RAISE EXCEPTION '{text}' USING ERRCODE = 'integrity_constraint_violation';"


def definitions(table: Table) -> tuple[str, str, str]:
    """Return what a table gets: the policy's condition, and its trigger's function and moments."""
    condition = f"{_ALL} OR \"{table.column}\" = nullif(current_setting('{TENANT_SETTING}', true), '')::bigint"
    if table.append_only:
        return condition, _RAISE.format(text=APPEND_REFUSAL), "UPDATE OR DELETE OR TRUNCATE"
    guarded = f"IF {_ALL} THEN RETURN NULL; END IF; {_RAISE.format(text=TENANT_REFUSAL)}"
    return condition, guarded, "TRUNCATE"


def name_of(*definition: str) -> str:
    """Return the name of a policy or trigger, with a digest of what it says."""
    return PREFIX + hashlib.sha256("\n".join(definition).encode()).hexdigest()[:12]


def names(table: Table) -> tuple[str, str]:
    """Return the names of a table's policy and of its trigger."""
    condition, body, moments = definitions(table)
    return name_of(condition), name_of(body, moments)


def lacking(cursor: CursorWrapper, tables: list[Table]) -> list[Table]:
    """Return the tables where security is not forced, or policies and triggers are not exactly ours."""
    cursor.execute(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
        " ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid),"
        " ARRAY(SELECT tgname::text FROM pg_trigger WHERE tgrelid = c.oid AND tgenabled IN ('O', 'A'))"
        " FROM pg_class c WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid)"
    )
    present = {name: (forced, policies, triggers) for name, forced, policies, triggers in cursor.fetchall()}
    return [table for table in tables if not _stands(table, *present[table.name])]


def _stands(table: Table, forced: bool, policies: list[str], triggers: list[str]) -> bool:
    policy, trigger = names(table)
    return forced and policies == [policy] and trigger in triggers


def put_up(cursor: CursorWrapper, table: Table) -> None:
    """Give a table its policy and its trigger, and take away all other policies."""
    condition, body, moments = definitions(table)
    policy, trigger = names(table)
    cursor.execute("SELECT polname FROM pg_policy WHERE polrelid = %s::regclass", [f'"{table.name}"'])
    for (old,) in cursor.fetchall():
        cursor.execute(f'DROP POLICY "{old}" ON "{table.name}"')
    cursor.execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND starts_with(tgname, %s)",
        [f'"{table.name}"', PREFIX],
    )
    for (old,) in cursor.fetchall():
        cursor.execute(f'DROP TRIGGER "{old}" ON "{table.name}"')
    cursor.execute(f'ALTER TABLE "{table.name}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')
    cursor.execute(f'CREATE POLICY {policy} ON "{table.name}" USING ({condition}) WITH CHECK ({condition})')
    cursor.execute(_FUNCTION.format(name=trigger, body=body))
    cursor.execute(
        f'CREATE TRIGGER {trigger} BEFORE {moments} ON "{table.name}" FOR EACH STATEMENT EXECUTE FUNCTION {trigger}()'
    )
