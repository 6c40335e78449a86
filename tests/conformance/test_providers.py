"""Every plugin takes part in the conformance suite."""

import pytest

from destinations import specs
from destinations.specs.base import Spec
from tests.conformance.providers import providers_of


@pytest.mark.parametrize("spec", specs.all(), ids=lambda spec: spec.key)
def test_every_plugin_has_a_provider(spec: Spec):
    assert providers_of(spec.key)


@pytest.mark.parametrize("spec", specs.all(), ids=lambda spec: spec.key)
def test_every_source_of_a_plugin_has_a_provider(spec: Spec):
    if spec.source_setting:
        words = {word for word, _ in spec.setting(spec.source_setting).choices}
        assert {provider.name.rpartition("-")[2] for provider in providers_of(spec.key)} == words


def test_a_plugin_without_a_provider_fails_in_plain_words():
    with pytest.raises(LookupError, match=r"The plugin pinboard has no provider.* Add one to PROVIDERS"):
        providers_of("pinboard")
