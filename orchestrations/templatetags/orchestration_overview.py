"""Give the tenant's first page what it shows: the theme's index view has no place for it."""

from typing import Any

from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def overview(context: template.Context) -> dict[str, Any]:
    """Return what the first page shows to the person who asks."""
    # Django loads tag libraries while the theme's own admin classes are still being imported.
    from orchestrations.admin.overview import overview_context

    return overview_context(context["request"])
