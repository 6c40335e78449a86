"""Columns in, request bodies out: validation, normalisation, hashing and JSON as SQL made from a declaration."""
