"""The alert rules and the dashboard in the docs ask for nothing that the hub does not tell."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tiktok_hub.metrics.families import FAMILIES, Histogram
from tiktok_hub.metrics.gauges import _Kept
from tiktok_hub.metrics.rendering import metrics_text

DOCS = Path(__file__).parents[3] / "docs"
RULES = [
    rule
    for group in yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((DOCS / "monitoring" / "dashboard.json").read_text())["panels"]
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]},
}
LABELS = {"le", "job"}


@pytest.fixture
def told(db, settings) -> set[str]:
    """Every name under which Prometheus stores something of the hub."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    _Kept.until = 0.0
    families = list(text_string_to_metric_families(metrics_text().decode()))
    gauges = {family.name for family in families if family.type == "gauge"} | {
        "hub_queue_tasks",
        "hub_beat_age_seconds",
    }
    counters = {f"{family.name}_total" for family in families if family.type == "counter"}
    histograms = [family.name for family in families if family.type == "histogram"]
    return gauges | counters | {f"{name}_{end}" for name in histograms for end in ("bucket", "count", "sum")}


def test_every_expression_asks_for_what_the_page_tells(told):
    asked = {name: set(re.findall(r"\bhub_[a-z_]+", expression)) for name, expression in EXPRESSIONS.items()}
    assert {name: unknown for name, names in asked.items() if (unknown := names - told)} == {}
    assert [name for name, names in asked.items() if not names] == ["HubDown"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_labels_in_expressions_are_those_of_the_metric(family):
    known = {*family.labels, *LABELS}
    for expression in EXPRESSIONS.values():
        for chosen in re.findall(rf"{family.name}(?:_[a-z]+)?{{([^}}]*)}}", expression):
            assert set(re.findall(r"(\w+)\s*[=!]", chosen)) <= known


def test_every_rule_can_be_loaded_and_says_what_to_do():
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert all(rule["annotations"][name].endswith(".") for name in ("summary", "description"))
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))


def test_panels_stand_in_a_grid_without_overlapping():
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in PANELS for x in range(panel["gridPos"]["w"]) for y in range(panel["gridPos"]["h"])
    ]  # fmt: skip
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_every_metric_stands_in_the_docs(told):
    page = (DOCS / "operations.md").read_text()
    ends = ("_bucket", "_count", "_sum") if any(isinstance(family, Histogram) for family in FAMILIES) else ()
    assert sorted(name for name in told if not name.endswith(ends) and f"`{name}`" not in page) == []
    assert all(f"`{family.name}`" in page for family in FAMILIES if isinstance(family, Histogram))
