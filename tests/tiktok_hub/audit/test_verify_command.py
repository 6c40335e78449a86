"""`manage.py audit_verify` says what holds and what does not, to people and to programs."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError

from tests.walls import intrusion
from tiktok_hub.audit.chain import chain_verify
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.management.commands.audit_verify import Command
from tiktok_hub.audit.models import Entry
from tiktok_hub.audit.services import audit_record


def verify(*arguments: str) -> tuple[int, str]:
    """Run the command as the command line does. Returns its exit status and what it printed."""
    output, status = StringIO(), 0
    command = Command(stdout=output)
    command._called_from_command_line = True
    try:
        command.execute(**vars(command.create_parser("manage.py", "audit_verify").parse_args(arguments)))
    except SystemExit as error:
        status = int(error.code or 0)
    except CommandError as error:
        status = error.returncode
    return status, output.getvalue()


def chains_of(text: str) -> dict[str, Any]:
    """Return what the JSON says, by tenant."""
    return {chain["tenant"]: chain for chain in json.loads(text)["chains"]}


def test_a_whole_log_is_said_to_be_whole_with_its_heads(acme, log):
    head = chain_verify(acme.pk)
    status, text = verify()
    assert status == 0
    assert "acme: whole, 6 records" in text
    assert f"{head.number}:{head.digest}" in text


def test_what_waits_is_sealed_first(acme, log):
    audit_record(Action.RUN_STARTED, tenant=acme)
    assert "acme: whole, 7 records" in verify("--tenant", "acme")[1]


def test_the_first_broken_record_of_each_chain_is_named(acme, globex, log):
    with intrusion():
        Entry.objects.filter(pk__in=[log[2].pk, log[4].pk]).update(actor="nobody")
        status, text = verify()
        as_json = chains_of(verify("--json")[1])
    assert status == 1
    assert f"acme: BROKEN, record 3 (entry {log[2].pk}," in text
    assert "globex: whole" in text
    assert (as_json["acme"]["whole"], as_json["acme"]["number"], as_json["acme"]["entry"]) == (False, 2, log[2].pk)
    assert as_json["globex"]["whole"] is True


def test_a_noted_head_is_expected_again(acme, log):
    head = chain_verify(acme.pk)
    assert verify("--tenant", "acme", "--expect", f"{head.number}:{head.digest}")[0] == 0
    status, text = verify("--chain", str(acme.pk), "--expect", f"9:{head.digest}")
    assert status == 1
    assert "the tail was cut off" in text


def test_a_deleted_tenants_chain_is_verified_too(acme, log):
    chain = acme.pk
    acme.delete()
    assert verify()[0] == 0
    assert f"(deleted tenant {chain}): whole, 7 records" in verify("--chain", str(chain))[1]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--tenant", "nobody"], id="no such tenant"),
        pytest.param(["--expect", f"1:{'0' * 64}"], id="a head without a chain"),
        pytest.param(["--tenant", "acme", "--expect", "1:abc"], id="half a digest"),
        pytest.param(["--tenant", "acme", "--chain", "1"], id="two chains"),
    ],
)
def test_wrong_use_is_told_from_a_broken_log(log, arguments):
    assert verify(*arguments) == (2, "")
