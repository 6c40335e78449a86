"""Secrets at rest."""

import pytest
from cryptography.fernet import Fernet

from tiktok_hub.crypto import LazySecret, Secret, SecretUnreadableError, decrypt, encrypt


@pytest.mark.parametrize("key", ["any text at all", Fernet.generate_key().decode()], ids=["text", "fernet key"])
def test_a_secret_comes_back_as_it_went_in(settings, key):
    settings.HUB_ENCRYPTION_KEYS = [key]
    assert decrypt(encrypt("tøken")) == "tøken"


def test_a_new_first_key_still_reads_what_the_old_one_wrote(settings):
    settings.HUB_ENCRYPTION_KEYS = ["old"]
    ciphertext = encrypt("token")
    settings.HUB_ENCRYPTION_KEYS = ["new", "old"]
    assert decrypt(ciphertext) == "token"


def test_a_lost_key_is_an_error_and_not_ciphertext(settings):
    settings.HUB_ENCRYPTION_KEYS = ["old"]
    ciphertext = encrypt("token")
    settings.HUB_ENCRYPTION_KEYS = ["new"]
    with pytest.raises(SecretUnreadableError, match="HUB_ENCRYPTION_KEYS"):
        LazySecret(ciphertext).reveal()


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__], ids=["repr", "str", "format", "percent"])
def test_a_secret_does_not_show_itself(show):
    assert "token" not in show(Secret("token"))
