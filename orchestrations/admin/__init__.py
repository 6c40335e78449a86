"""The tenant's pages for datasets, queries, orchestrations, runs and audiences, retention, and the overview."""

from orchestrations.admin import audiences, datasets, orchestrations, overview, queries, retention, runs

__all__ = ["audiences", "datasets", "orchestrations", "overview", "queries", "retention", "runs"]
