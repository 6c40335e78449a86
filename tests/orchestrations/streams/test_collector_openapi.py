"""The collector answers as its OpenAPI document says, whatever it is asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrations.models import Chunk
from orchestrations.streams.services import key_make
from tests.orchestrations.streaming import stream_in
from tiktok_hub.tenancy.scope import tenant_scope

# Of what the document allows, the destination may still reject all; a list that is too long is refused with 413.
CONFIG = """\
parameters = {{ "path.stream" = "{public_id}" }}
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 422]
[checks.negative_data_rejection]
expected-statuses = ["4xx"]
"""
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 30


@pytest.fixture
def schemathesis(live_server, transactional_db, acme, ada, tmp_path):
    """Let schemathesis ask a stream of Acme what its document allows, and what it forbids."""
    stream = stream_in(acme)
    with tenant_scope(acme):
        _, key = key_make(stream=stream, name="server", user=ada)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(public_id=stream.public_id))
    command = [SCHEMATHESIS, "--config-file", config, "run", f"{live_server.url}/collect/v1/openapi.json"]
    command += ["--phases", "examples,fuzzing", "--max-examples", EXAMPLES, "--seed", 1, "--no-color"]
    command += ["--generation-database", "none", "--header", f"Authorization: Bearer {key}"]
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300)


def test_schemathesis_finds_nothing(schemathesis, acme):
    assert schemathesis.returncode == 0, schemathesis.stdout[-4_000:]
    with tenant_scope(acme):
        assert Chunk.objects.filter(events__gt=0).exists()
