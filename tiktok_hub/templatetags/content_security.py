"""Let a template say which scripts and styles it needs."""

from django import template
from django.template import Context

from tiktok_hub.content_security import theme_allow

register = template.Library()


@register.simple_tag(takes_context=True)
def themed(context: Context) -> str:
    """Note that the page stands in the theme's frame."""
    if request := context.get("request"):
        theme_allow(request)
    return ""
