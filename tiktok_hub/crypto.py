"""Encrypt secrets at rest: the only module that sees an encryption key.

`HUB_ENCRYPTION_KEYS` is a list: the first key encrypts, all of them decrypt. To rotate: put a new key in front, run
`manage.py hub_rotate_keys`, drop the old key. A value that no key opens is an error, never passed on as it is.
"""

import base64
import hashlib
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute


class SecretUnreadableError(Exception):
    """A stored secret cannot be opened with any key of HUB_ENCRYPTION_KEYS."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret cannot be decrypted: none of the keys in HUB_ENCRYPTION_KEYS made it. "
            "Add the key it was encrypted with to the end of the list, or enter the secret again."
        )


def _fernet() -> MultiFernet:
    """Build the cipher from the keys: a Fernet key as it is, any other text through SHA-256."""
    return MultiFernet([Fernet(_key(text)) for text in settings.HUB_ENCRYPTION_KEYS])


def _key(text: str) -> bytes:
    try:
        if len(base64.urlsafe_b64decode(text)) == 32:  # noqa: PLR2004 - Fernet's key length in bytes
            return text.encode()
    except ValueError:
        pass
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())


def encrypt(value: str) -> str:
    """Return the ciphertext of `value` under the first key."""
    return _fernet().encrypt(value.encode()).decode()


def decrypt(ciphertext: str) -> str:
    """Return what was encrypted; raise SecretUnreadableError when no key fits."""
    try:
        return _fernet().decrypt(ciphertext.encode()).decode()
    except InvalidToken:
        raise SecretUnreadableError from None


class Secret:
    """A decrypted secret in memory that does not show itself in prints, logs or tracebacks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, for the one call that needs it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(•••)" if self._value else "Secret()"

    __str__ = __repr__


class SecretAttribute(DeferredAttribute):
    """Wrap what is assigned at once, so that a dump of an object that was never saved shows no secret either."""

    def __set__(self, instance: models.Model, value: object) -> None:
        instance.__dict__[self.field.attname] = self.field.to_python(value)


class SecretField(models.TextField):  # type: ignore[type-arg]
    """A column that holds ciphertext and gives a `Secret`; never part of a form."""

    descriptor_class = SecretAttribute

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: str | None, expression: object, connection: object) -> "LazySecret":
        """Wrap the ciphertext; it is opened when it is asked for, so that lists work with a lost key."""
        return LazySecret(value or "")

    def to_python(self, value: object) -> Secret:
        """Take a Secret or a plain text."""
        return value if isinstance(value, Secret) else Secret(str(value or ""))

    def get_prep_value(self, value: object) -> str:
        """Return the ciphertext to store."""
        if isinstance(value, LazySecret):
            return value.ciphertext
        secret = self.to_python(value)
        return encrypt(secret.reveal()) if secret else ""


class LazySecret(Secret):
    """A secret as it came from the database, decrypted when revealed."""

    __slots__ = ("ciphertext",)

    def __init__(self, ciphertext: str) -> None:
        super().__init__(ciphertext)
        self.ciphertext = ciphertext

    def reveal(self) -> str:
        """Decrypt; raise SecretUnreadableError when no key fits."""
        return decrypt(self.ciphertext) if self.ciphertext else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    __hash__ = Secret.__hash__
