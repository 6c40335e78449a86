"""Every destination that the conformance suite runs on: one provider per plugin and source, registered here.

A provider makes rows, names settings, and says how to read what TikTok holds. Everything else, the cases above all, is
the same for every destination. A new plugin needs an entry in `PROVIDERS` and nothing more.
"""

from destinations import specs
from tests.conformance.audiences import audiences_provider
from tests.conformance.events import events_provider
from tests.conformance.provider import Provider

PROVIDERS = (
    events_provider("offline", nowhere="7654321098765432999"),
    events_provider("web", nowhere="C9QEXAMPLEPIXELCODE0"),
    audiences_provider(),
)


def providers_of(plugin: str) -> list[Provider]:
    """Return a plugin's providers; a LookupError says what to do where there is none."""
    found = [provider for provider in PROVIDERS if provider.plugin == plugin]
    if not found:
        raise LookupError(
            f"The plugin {plugin} has no provider, so the conformance suite cannot run on it. "
            "Add one to PROVIDERS in tests/conformance/providers.py."
        )
    return found


def providers_all() -> list[Provider]:
    """Return the providers of every registered plugin that has any."""
    plugins = {spec.key for spec in specs.all()}
    return [provider for provider in PROVIDERS if provider.plugin in plugins]


def providers_each() -> list[Provider]:
    """Return one provider of every registered plugin, for what no source changes."""
    return [providers_of(spec.key)[0] for spec in specs.all()]
