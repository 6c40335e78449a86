"""Programs to copy that post one item to a stream."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.views.decorators.debug import sensitive_variables

KEY = "YOUR_WRITE_KEY"

CURL = """curl -X POST '{url}' \\
  -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{line}'"""

PYTHON = """import requests

answer = requests.post(
    "{url}",
    headers={{"Authorization": "Bearer {key}"}},
    json={python},
    timeout=10,
)
print(answer.status_code, answer.json())"""

NODE = """const answer = await fetch("{url}", {{
  method: "POST",
  headers: {{"Authorization": "Bearer {key}", "Content-Type": "application/json"}},
  body: JSON.stringify({block}),
}});
console.log(answer.status, await answer.json());"""

PHP = """<?php
$request = curl_init('{url}');
curl_setopt_array($request, [
    CURLOPT_POST => true,
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => ['Authorization: Bearer {key}', 'Content-Type: application/json'],
    CURLOPT_POSTFIELDS => json_encode([
{php}
    ]),
]);
echo curl_exec($request);"""

NOTES = {
    "beacon": "The page's site must be among the allowed origins. Every visitor can read the key: give pages one of "
    "their own.",
}
BEACON = """navigator.sendBeacon(
  "{url}?key={key}",
  JSON.stringify({block}),
);"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A program: the id of its place on the page, the language, the text."""

    name: str
    label: str
    text: str
    note: str = ""


@sensitive_variables()
def snippets(url: str, key: str, item: Mapping[str, Any]) -> list[Snippet]:
    """Return the snippets for a stream's address, with a key or a place for one."""
    words = {
        "url": url, "key": key or KEY, "line": json.dumps(item), "block": json.dumps(item, indent=2),
        "python": json.dumps(item, indent=4).replace("\n", "\n    "),
        "php": "\n".join(f"        '{name}' => {_php(value)}," for name, value in item.items()),
    }  # fmt: skip
    words["block"] = words["block"].replace("\n", "\n  ")
    known = (
        ("curl", "curl", CURL), ("python", "Python", PYTHON), ("node", "Node.js", NODE), ("php", "PHP", PHP),
        ("beacon", "Browser", BEACON),
    )  # fmt: skip
    return [Snippet(name, label, text.format(**words), NOTES.get(name, "")) for name, label, text in known]


def _php(value: Any) -> str:
    return json.dumps(value) if isinstance(value, int | float) else f"'{value}'"
