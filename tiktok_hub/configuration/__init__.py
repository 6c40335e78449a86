"""Configuration as code: one YAML document describes a tenant; apply brings the database to it, export writes it.

loading      bytes → YAML nodes that know where they stand; nothing clever, nothing unbounded
schema       what a document may hold, as data
reading      nodes → documents of items, each value with its place
state        what the database holds, in the same plain form
differ       plain form ↔ plain form; knows nothing of YAML or of the database
checking     documents against the database, the plugins and the files: a plan, or every problem at once
applying     a plan → the database, in one transaction
exporting    the database → YAML
"""

from tiktok_hub.configuration.applying import plans_apply
from tiktok_hub.configuration.checking import Plan, plans_open
from tiktok_hub.configuration.differ import Change, Difference, FieldChange, difference
from tiktok_hub.configuration.exporting import tenant_export
from tiktok_hub.configuration.problems import ConfigurationInvalidError, Place, Problem

__all__ = [
    "Change",
    "ConfigurationInvalidError",
    "Difference",
    "FieldChange",
    "Place",
    "Plan",
    "Problem",
    "difference",
    "plans_apply",
    "plans_open",
    "tenant_export",
]
