"""Sandboxes: tenants made from a production tenant's configuration, to try changes in and to promote them from.

snapshots    what of a tenant's configuration is compared, copied and promoted
comparing    sandbox against production, and against what both were when they last were equal
tables       datasets of a sandbox: production's columns, with none or some of its rows
documents    a snapshot as the document that configuration as code checks
promoting    what a promotion would do, what blocks it, and the promotion itself
services     create, pull, delete
members      production's people are the sandbox's people
"""
