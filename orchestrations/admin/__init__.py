"""The tenant's pages: datasets, queries, orchestrations, streams, groups, runs, audiences, retention, overview."""

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
    streams,
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
    "streams",
]
