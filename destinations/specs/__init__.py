"""The destinations this hub can deliver to. One module here = one plugin; adding one registers it."""

import importlib
import pkgutil
from functools import cache

from destinations.specs.base import Spec


@cache
def _registry() -> dict[str, Spec]:
    """Collect the `SPEC` of every module in this package."""
    found: dict[str, Spec] = {}
    for module_info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        spec = getattr(module, "SPEC", None)
        if spec is not None:
            if spec.key in found:
                raise ValueError(f"Two specs have the key {spec.key}.")
            found[spec.key] = spec
    return found


def get(key: str) -> Spec:
    """Give the spec of a plugin; KeyError with the known keys where there is none."""
    try:
        return _registry()[key]
    except KeyError:
        raise KeyError(f"No plugin {key!r}. Known: {', '.join(sorted(_registry()))}.") from None


def all() -> tuple[Spec, ...]:
    """Give every spec, by label."""
    return tuple(sorted(_registry().values(), key=lambda spec: spec.label))
