"""Encrypt every stored secret anew under the first key of HUB_ENCRYPTION_KEYS, so that the others can be dropped."""

import json
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import models, transaction

from tiktok_hub.crypto import SecretField, SecretUnreadableError
from tiktok_hub.people.factors import factor_secrets_rotate
from tiktok_hub.tenancy.scope import hub_scope


class Command(BaseCommand):
    """Re-encrypt every secret in the database under the first key."""

    help = "Encrypt every stored secret anew under the first key of HUB_ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer an answer for programs."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate field by field; a secret that no key opens stays as it is and makes the command fail."""
        rotated, unreadable = 0, []
        with hub_scope():
            for model, field in secret_fields():
                for pk in list(_filled(model, field).values_list("pk", flat=True)):
                    if secret_rotate(model, field, pk):
                        rotated += 1
                    else:
                        unreadable.append(f"{model._meta.label_lower}.{field} of {pk}")
        factors, lost = factor_secrets_rotate()
        rotated, unreadable = rotated + factors, unreadable + lost
        self._say(rotated, unreadable, as_json=options["json"])
        if unreadable:
            raise CommandError("Some secrets open with no key of HUB_ENCRYPTION_KEYS; keep the old keys until they do.")

    def _say(self, rotated: int, unreadable: list[str], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"rotated": rotated, "unreadable": unreadable}))
            return
        self.stdout.write(f"{rotated} secret{'' if rotated == 1 else 's'} encrypted under the first key.")
        for name in unreadable:
            self.stderr.write(f"Not readable: {name}")


def secret_fields() -> Iterator[tuple[type[models.Model], str]]:
    """Yield every column that holds a secret, of whatever app."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, SecretField):
                yield model, field.name


def secret_rotate(model: type[models.Model], field: str, pk: Any) -> bool:
    """Encrypt one secret anew, under a lock so that none is lost that changes meanwhile; False when no key opens it."""
    with transaction.atomic():
        row = _filled(model, field).select_for_update().filter(pk=pk).first()
        if row is None:
            return True
        try:
            value = getattr(row, field).reveal()
        except SecretUnreadableError:
            return False
        _filled(model, field).filter(pk=pk).update(**{field: value})
    return True


def _filled(model: type[models.Model], field: str) -> "models.QuerySet[Any]":
    return model._base_manager.exclude(**{field: ""})
