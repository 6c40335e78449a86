"""Statuses and policies with their labels."""

from django.db.models import TextChoices


class Policy(TextChoices):
    """What a person is in a tenant; tiktok_hub.tenancy.policies says what each may do."""

    ADMINISTRATOR = "datagrid_administrator", "Datagrid Administrator"
    OPERATOR = "datagrid_operator", "Datagrid Operator"
    BUSINESS_USER = "business_user", "Business User"
    READ_ONLY = "read_only", "Read Only"


class Option(TextChoices):
    """What is taken from, or added to, somebody's policy; each is a field of Membership with the same name."""

    RESTRICT_PII = "restrict_pii", "Restrict PII access"
    RESTRICT_DOWNLOADS = "restrict_downloads", "Restrict downloads"
    RESTRICT_DATA_EXPORTS = "restrict_data_exports", "Restrict data exports"
    ALLOW_USER_ADMINISTRATION = "allow_user_administration", "Allow user administration"
    ALLOW_SANDBOX_ADMINISTRATION = "allow_sandbox_administration", "Allow sandbox administration"
    ALLOW_API_KEY_ADMINISTRATION = "allow_api_key_administration", "Allow API key administration"
