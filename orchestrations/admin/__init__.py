"""The tenant's pages for datasets, queries, orchestrations and runs, and the overview."""

from orchestrations.admin import datasets, orchestrations, overview, queries, runs

__all__ = ["datasets", "orchestrations", "overview", "queries", "runs"]
