"""Make the database itself keep tenants apart, behind the scoped managers.

What is opened (`tiktok_hub.tenancy.scope`) holds for raw SQL, `_base_manager`, joins and `update()` too. PostgreSQL
reads and writes through row-level security; SQLite has no such thing for reading, there triggers refuse to write.

- `connecting` tells each statement's scope to the database,
- `building` puts the wall up after every migrate, for every model that a tenant owns,
- `checks` says where it has holes, and who could walk around it.
"""
