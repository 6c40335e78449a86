"""The collector's OpenAPI document: what may be posted, by the declaration of the plugins, and what is answered."""

from collections.abc import Mapping
from typing import Any

from destinations.preparation.fields import Required
from destinations.specs.base import Spec
from orchestrations.streams.examples import EXAMPLES, example_item
from orchestrations.streams.http import MOST_ITEMS
from orchestrations.streams.parameters import ACTION, CONTENTS, Parameter, parameters
from orchestrations.streams.reference import TAKES, kinds

Schema = dict[str, Any]

VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}
"""Every value may be written as a text; what it must say is told in words, and judged item by item."""
CONTENTS_LIST: Schema = {"type": ["array", "null"], "items": {"type": "object"}}
ABOUT = """Take events, or changes of audiences, one by one, and send them to TikTok in batches.

Post one JSON object, a list of at most {most:,}, or one object on each line. A body may be packed (`Content-Encoding`:
gzip or deflate). Each item is judged by itself: the answer lists the items in their order, with `errors` for what was
rejected and `warnings` for values that were dropped. **What is answered with 202 as accepted is durable** and will be
sent; anything else was not taken and may be sent again. An item with an `event_id` may be sent again within 48 hours:
TikTok counts it once.
"""
KEYS = "A write key of the stream, made on its page."
REFUSALS = {
    "401": "No write key, or one that opens nothing (any more).",
    "403": "The stream is switched off, or pages of this web site may not post to it.",
    "404": "There is no stream at this address.",
    "413": "The body is too large, or has too many items.",
    "415": "The body is packed in a way that is not understood.",
    "429": "Too much waits to be sent. Come again after `Retry-After` seconds.",
    "503": "Nothing could be written down, or the stream is incomplete. Come again after `Retry-After` seconds.",
}
LATER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


def collector_document(site: str) -> Schema:
    """Return the document for a hub that is reached at `site`."""
    items = {name: item_schema(spec, settings) for name, _, spec, settings in _named()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "tiktok_hub collector", "version": "1", "description": ABOUT.format(most=MOST_ITEMS)},
        "servers": [{"url": site}],
        "paths": {"/collect/v1/{stream}": {"parameters": [STREAM], "post": _post(items)}},
        "components": {
            "schemas": {**items, "Answer": ANSWER, "Refusal": REFUSAL, "Result": RESULT, "Remark": REMARK},
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "bearer", "description": KEYS},
                "writeKeyInAddress": {
                    "type": "apiKey", "in": "query", "name": "key", "description": f"{KEYS} For beacons of browsers.",
                },
            },
        },
    }  # fmt: skip


def item_schema(spec: Spec, settings: Mapping[str, Any]) -> Schema:
    """Return what an item for a destination may be; unknown names are ignored and said so."""
    found = parameters(spec, settings)
    needed = [each.name for each in found if each.required == Required.ALWAYS and not each.aliases]
    return {
        "type": "object",
        "description": spec.description,
        "properties": {each.name: _property(each) for each in found},
        **({"required": needed} if needed else {}),
    }


def _property(each: Parameter) -> Schema:
    """Return the schema of one parameter."""
    also = f" Also: {', '.join(each.aliases)}." if each.aliases else ""
    words = f" One of: {', '.join(each.choices)}." if each.choices else ""
    schema = CONTENTS_LIST if each.name == CONTENTS else VALUE
    if each.name == ACTION:
        schema = {"type": "string", "enum": list(each.choices)}
    elif each.hashed:
        schema = {}  # beside the plain value it is ignored, whatever it is
    elif each.several or each.many:
        schema = {"anyOf": [schema, {"type": "array", "items": schema}]}
    told = {"title": each.label, "description": f"{each.help} Takes: {TAKES[each.kind]}.{words}{also}".strip()}
    return {**schema, **told, **({"examples": [EXAMPLES[each.name]]} if each.name in EXAMPLES else {})}


def _named() -> list[tuple[str, str, Spec, dict[str, Any]]]:
    """Return the kinds of items with the names of their schemas: OfflineEvent, WebEvent, AudienceChange."""
    found = []
    for title, spec, settings in kinds():
        source = str(settings.get(spec.source_setting or "", ""))
        name = "AudienceChange" if spec.keeps_audience else f"{source.capitalize()}Event"
        found.append((name, title, spec, settings))
    return found


def _post(items: Mapping[str, Schema]) -> Schema:
    each = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in items]}
    listed = {"type": "array", "items": each, "minItems": 1, "maxItems": MOST_ITEMS}
    examples = {
        name: {"summary": title, "value": example_item(spec, settings)} for name, title, spec, settings in _named()
    }
    lines: Schema = {"schema": {"type": "string", "description": "One JSON object on each line."}}
    return {
        "operationId": "collect",
        "summary": "Post items to a stream",
        "security": [{"writeKey": []}, {"writeKeyInAddress": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [each, listed]}, "examples": examples},
                "application/x-ndjson": lines,
                "text/plain": {"schema": {"type": "string", "description": "JSON as browsers' beacons send it."}},
            },
        },
        "responses": {
            "202": _answer("Something was accepted; `results` says of each item whether.", "Answer"),
            "422": _answer("Nothing was accepted: the body cannot be read, or no item can be used.", "Refusal"),
            **{status: _answer(text, "Refusal") for status, text in REFUSALS.items()},
        },
    }


def _answer(text: str, schema: str) -> Schema:
    later = {"headers": LATER} if "Retry-After" in text else {}
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, **later, "content": content}


STREAM: Schema = {
    "name": "stream", "in": "path", "required": True, "description": "The stream's id, as its page shows it.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
}  # fmt: skip
REMARK: Schema = {
    "type": "object",
    "required": ["field", "reason", "message"],
    "properties": {
        "field": {"type": ["string", "null"]},
        "reason": {"type": "string", "description": "A word that stays the same."},
        "message": {"type": "string"},
    },
}
RESULT: Schema = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"enum": ["accepted", "rejected"]},
        "event_id": {"type": "string", "description": "As given, or as it was made."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Remark"}},
        "warnings": {"type": "array", "items": {"$ref": "#/components/schemas/Remark"}},
    },
}
COUNTS: Schema = {
    "accepted": {"type": "integer"},
    "rejected": {"type": "integer"},
    "results": {"type": "array", "items": {"$ref": "#/components/schemas/Result"}},
}
ANSWER: Schema = {"type": "object", "required": list(COUNTS), "properties": COUNTS}
REFUSAL: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
        **COUNTS,
    },
}
