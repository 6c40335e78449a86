"""What is told of streams: parameters, examples, snippets, the OpenAPI document."""

import ast
import json
import shlex
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from orchestrations.streams.collecting import items_collect
from orchestrations.streams.examples import EXAMPLES, example_item
from orchestrations.streams.items import Client as Poster
from orchestrations.streams.parameters import parameters
from orchestrations.streams.reference import kinds
from orchestrations.streams.snippets import snippets
from tests.orchestrations.streaming import PIXEL, destination_in, stream_in
from tiktok_hub.tenancy.scope import tenant_scope

DOCS = Path(__file__).parents[3] / "docs" / "stream-parameters.md"
URL = "https://hub.example/collect/v1/0123456789abcdef"
KINDS = list(kinds())


@pytest.fixture
def texts() -> dict[str, str]:
    """Return the snippets for an example of a web event by their names."""
    _, spec, _ = KINDS[0]
    item = example_item(spec, {})
    return {snippet.name: snippet.text for snippet in snippets(URL, "hubw_key", item)}


def test_printed_page_is_the_one_in_the_docs():
    out = StringIO()
    call_command("stream_reference", stdout=out)
    assert out.getvalue() == DOCS.read_text()


@pytest.mark.parametrize("kind", KINDS, ids=[title for title, _, _ in KINDS])
def test_example_is_accepted_without_a_word(transactional_db, acme, ada, kind):
    _, spec, chosen = kind
    pixel = {"event_source_id": PIXEL} if chosen.get("event_source") == "web" else {}
    stream = stream_in(acme, destination_in(acme, spec.key, **chosen, **pixel))
    with tenant_scope(acme):
        answer = items_collect(stream, [example_item(spec, chosen)], client=Poster("203.0.113.7", "Shop/1.0"))
    assert [set(result) - {"event_id"} for result in answer.results] == [{"status"}]
    assert answer.accepted == 1


def test_every_example_belongs_to_a_parameter():
    known = {each.name for _, spec, settings in KINDS for each in parameters(spec, settings)}
    assert set(EXAMPLES) <= known


def test_python_snippet_is_python(texts):
    assert ast.parse(texts["python"])


def test_curl_snippet_posts_the_example_with_the_key(texts):
    words = shlex.split(texts["curl"].replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "POST", URL]
    assert "Authorization: Bearer hubw_key" in words
    assert json.loads(words[-1]) == example_item(KINDS[0][1], {})


@pytest.mark.parametrize("name", ["node", "php", "beacon"])
def test_snippet_has_address_and_key(texts, name):
    assert URL in texts[name]
    assert "hubw_key" in texts[name]


def test_openapi_document_is_there_for_everybody_and_names_all_answers(db, settings):
    settings.HUB_PUBLIC_URL = "https://hub.example"
    document = Client().get("/collect/v1/openapi.json").json()
    post = document["paths"]["/collect/v1/{stream}"]["post"]
    assert document["servers"] == [{"url": "https://hub.example"}]
    assert set(post["responses"]) == {"202", "401", "403", "404", "413", "415", "422", "429", "503"}
    assert {"WebEvent", "OfflineEvent", "AudienceChange"} <= set(document["components"]["schemas"])


@pytest.mark.parametrize(("method", "status"), [("head", 200), ("post", 405), ("delete", 405)])
def test_openapi_document_is_only_read(db, method, status):
    assert getattr(Client(), method)("/collect/v1/openapi.json").status_code == status
