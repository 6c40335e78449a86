"""Statuses and policies with their labels."""

from django.db.models import TextChoices


class Policy(TextChoices):
    """What a person is in a tenant; tiktok_hub.tenancy.policies says what each may do."""

    ADMINISTRATOR = "datagrid_administrator", "Datagrid Administrator"
    OPERATOR = "datagrid_operator", "Datagrid Operator"
    BUSINESS_USER = "business_user", "Business User"
    READ_ONLY = "read_only", "Read Only"
