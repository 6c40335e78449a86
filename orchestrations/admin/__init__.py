"""The tenant's pages for datasets, queries, orchestrations, groups, runs and audiences, retention, and the overview."""

from orchestrations.admin import (
    audiences,
    datasets,
    group_runs,
    groups,
    orchestrations,
    overview,
    queries,
    retention,
    runs,
)

__all__ = [
    "audiences",
    "datasets",
    "group_runs",
    "groups",
    "orchestrations",
    "overview",
    "queries",
    "retention",
    "runs",
]
