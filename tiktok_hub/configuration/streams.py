"""Check what a document says about streams: when they send, and who may post what."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from destinations.specs.base import Spec
from orchestrations.models import Orchestration
from orchestrations.streams.parking import FILES
from orchestrations.streams.services import TAKEN, origins_clean, sources_clean, thresholds
from tiktok_hub.configuration.problems import Problem
from tiktok_hub.configuration.reading import Item
from tiktok_hub.configuration.state import settings_revealed

__all__ = ["TAKEN", "stream_read"]


def stream_read(item: Item, spec: Spec, settings: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Return a stream's own fields, completed; what is wrong goes to the problems."""
    fields: dict[str, Any] = {
        name: int(item.values.get(name, usual)) for name, usual in thresholds(spec).items()
    }  # fmt: skip
    plain = settings_revealed(dict(settings))
    if plain.get("transport") == "file":
        problems.append(item.problem("destination", FILES))
    try:
        Orchestration(name=item.name).clean_fields(exclude=["tenant", "query", "destination", "created_by"])
        fields["allowed_origins"] = origins_clean(item.values["allowed_origins"])
        fields["other_sources"] = sources_clean(spec, plain, item.values["other_sources"])
    except ValidationError as error:
        problems += [item.problem(name, sentences[0]) for name, sentences in error.message_dict.items()]
    return fields
