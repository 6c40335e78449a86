"""One module under specs is one plugin, and every plugin's declaration holds together."""

import sys
from pathlib import Path

import pytest

from destinations import specs
from destinations.preparation.fields import Kind
from destinations.preparation.kernels import KERNELS
from destinations.specs.base import Spec

MODULE = """
from dataclasses import replace
from destinations.specs.events import SPEC as EVENTS
SPEC = replace(EVENTS, key="another", label="Another")
"""


def test_events_plugin_is_found_by_its_key() -> None:
    assert specs.get("tiktok-ads-events").credential_type == "tiktok-offline-events"


def test_unknown_plugin_is_told_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="tiktok-ads-events"):
        specs.get("nothing")


def test_another_file_is_another_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "another.py").write_text(MODULE)
    monkeypatch.setattr(specs, "__path__", [*specs.__path__, str(tmp_path)])
    specs._registry.cache_clear()
    try:
        assert specs.get("another").label == "Another"
    finally:
        specs._registry.cache_clear()
        sys.modules.pop("destinations.specs.another", None)


@pytest.mark.parametrize("spec", specs.all(), ids=lambda spec: spec.key)
def test_names_of_a_declaration_are_unique(spec: Spec) -> None:
    names = [name for field in spec.fields for name in field.names]
    settings = [setting.name for setting in spec.settings]
    assert len(set(names)) == len(names)
    assert len(set(settings)) == len(settings)


@pytest.mark.parametrize("spec", specs.all(), ids=lambda spec: spec.key)
def test_fallbacks_of_a_declaration_are_settings(spec: Spec) -> None:
    settings = {setting.name for setting in spec.settings}
    assert {field.fallback for field in spec.fields if field.fallback} <= settings
    assert spec.source_setting is None or spec.source_setting in settings


@pytest.mark.parametrize("spec", specs.all(), ids=lambda spec: spec.key)
def test_every_field_has_a_kernel_and_a_label(spec: Spec) -> None:
    assert all(field.kind in KERNELS and field.label for field in spec.fields)
    assert all(field.pii for field in spec.fields if field.kind in (Kind.EMAIL, Kind.PHONE, Kind.IP))


def test_preparation_and_specs_do_not_need_django() -> None:
    root = Path(specs.__file__).parent.parent
    files = [*root.glob("preparation/**/*.py"), *root.glob("specs/**/*.py")]
    assert not [file.name for file in files if "django" in file.read_text()]
