"""Configuration files on disk, and what applying them says."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

ORDERS = """\
order,placed,mail,total
A-1,2026-01-01T10:00:00Z,ann@mail.example,19.90
A-2,2026-01-02T10:00:00Z,bo@mail.example,5
"""
ACME = """\
tenant: {slug: acme, name: Acme Retail, time_zone: America/New_York, default_country: US}
users:
  - {email: ada@acme.example, policy: datagrid_administrator}
  - {email: ben@acme.example, policy: business_user, restrict_pii: true}
credentials:
  - {name: acme-events, type: tiktok-offline-events, access_token: "${TIKTOK_TOKEN}"}
datasets:
  - {name: orders, file: orders.csv}
queries:
  - {name: purchases, sql: "SELECT 'Purchase' AS event, placed AS timestamp, mail AS email FROM orders"}
destinations:
  - {name: store, plugin: tiktok-ads-events, credential: acme-events,
     settings: {advertiser_id: "7654321098765432109", event_source: offline}}
orchestrations:
  - {name: send, query: purchases, destination: store, settings: {event_source_id: "7654321098765432100"}}
"""
GLOBEX = """\
tenant: {slug: globex, name: Globex}
users:
  - {email: charlie@globex.example, policy: datagrid_administrator}
credentials:
  - {name: acme-events, type: tiktok-offline-events, access_token: globex-token}
"""

Apply = Callable[..., str]


@pytest.fixture(autouse=True)
def _environment(monkeypatch, db):
    """Give the token that the documents ask for."""
    monkeypatch.setenv("TIKTOK_TOKEN", "marker-token-1")


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """Write a YAML file beside a dataset file and return its path."""
    (tmp_path / "orders.csv").write_text(ORDERS)

    def file(text: str, name: str = "hub.yaml") -> Path:
        path: Path = tmp_path / name
        path.write_text(text)
        return path

    return file


@pytest.fixture
def apply(write) -> Apply:
    """Apply a text, or files, and return what the command prints."""

    def run(*sources: str | Path, **options: Any) -> str:
        out, err = StringIO(), StringIO()
        paths = [write(source) if isinstance(source, str) else source for source in sources]
        call_command("hub_apply", *map(str, paths), stdout=out, stderr=err, **options)
        return out.getvalue()

    return run


@pytest.fixture
def mistakes(write) -> Callable[..., list[dict[str, Any]]]:
    """Apply a text that is wrong and return the mistakes as programs see them; the exit status is 2."""

    def run(*sources: str | Path) -> list[dict[str, Any]]:
        out = StringIO()
        paths = [write(source) if isinstance(source, str) else source for source in sources]
        with pytest.raises(CommandError) as caught:
            call_command("hub_apply", *map(str, paths), stdout=out, stderr=StringIO(), as_json=True)
        assert caught.value.returncode == 2
        found: list[dict[str, Any]] = json.loads(out.getvalue())["errors"]
        return found

    return run


def edited(old: str, new: str, text: str = ACME) -> str:
    """Return the document with one thing changed."""
    assert old in text
    return text.replace(old, new, 1)
