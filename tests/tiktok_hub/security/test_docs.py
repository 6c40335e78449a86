"""The table of threats names tests that exist."""

import re

from tiktok_hub.env import BASE_DIR

ROWS = [line for line in (BASE_DIR / "docs/security.md").read_text().splitlines() if line.startswith("| ")]
THREATS = [row for row in ROWS if not row.startswith(("| threat", "|---"))]
NAMED = re.compile(r"`(test_\w+)`")


def test_every_test_that_the_table_names_exists():
    written = {
        name for path in (BASE_DIR / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }  # fmt: skip
    named = {name for row in THREATS for name in NAMED.findall(row)}
    assert named - written == set()


def test_every_threat_has_a_defence_and_a_test():
    assert len(THREATS) > 30
    for row in THREATS:
        threat, defence, tests = row.strip("| ").split(" | ")
        assert threat
        assert defence
        assert NAMED.findall(tests)
