"""Tokens and keys from the command line."""

import io
import json
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from destinations.models import Credential
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope


def ciphertexts() -> list[str]:
    with hub_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM destinations_credential ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def typed(monkeypatch):
    """Type something on standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_credential_token_reauthorises_from_standard_input(acme, credential_of, typed, capsys):
    credential = credential_of(acme, access_token="emulator-token-revoked", status="expired")
    typed("emulator-token-acme\n")
    call_command("credential_token", "acme", "events")
    with tenant_scope(acme):
        assert Credential.objects.get(pk=credential.pk).is_usable
    printed = capsys.readouterr()
    assert "authorised" in printed.out
    assert "emulator-token" not in printed.out + printed.err


@pytest.mark.parametrize(
    ("tenant", "name", "token", "sentence"),
    [
        ("nobody", "events", "emulator-token-acme", "no tenant"),
        ("acme", "nothing", "emulator-token-acme", "no credential"),
        ("acme", "events", "emulator-token-revoked", "no longer accepts"),
        ("acme", "events", "", "no TikTok access token"),
        ("acme", "events", "a" * 9_000, "no TikTok access token"),
    ],
    ids=["no tenant", "no credential", "revoked", "empty", "endless"],
)
def test_credential_token_says_what_is_wrong(acme, credential_of, typed, tenant, name, token, sentence):
    credential_of(acme)
    typed(token)
    with pytest.raises(CommandError, match=sentence) as caught:
        call_command("credential_token", tenant, name)
    assert "emulator-token" not in str(caught.value)


def test_rotating_keys_encrypts_everything_under_the_first_key(acme, globex, credential_of, settings, capsys):
    credentials = [credential_of(acme), credential_of(globex), credential_of(acme, "empty", access_token="")]
    before = ciphertexts()
    settings.HUB_ENCRYPTION_KEYS = ["new", *settings.HUB_ENCRYPTION_KEYS]
    call_command("hub_rotate_keys", "--json")
    assert json.loads(capsys.readouterr().out) == {"rotated": 2, "unreadable": []}
    settings.HUB_ENCRYPTION_KEYS = ["new"]
    with tenant_scope(acme):
        assert Credential.objects.get(pk=credentials[0].pk).access_token.reveal() == "emulator-token-acme"
    assert not set(ciphertexts()) & set(before) - {""}


def test_rotating_keys_leaves_alone_what_no_key_opens(acme, credential_of, settings):
    credential_of(acme)
    before = ciphertexts()
    settings.HUB_ENCRYPTION_KEYS = ["a key that never encrypted anything"]
    with pytest.raises(CommandError, match="keep the old keys"):
        call_command("hub_rotate_keys")
    assert ciphertexts() == before
