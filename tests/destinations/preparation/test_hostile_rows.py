"""Whatever stands in names and cells, bodies are valid JSON and hold exactly what was given."""

import math

import orjson
import pytest

from tests.destinations.preparation.helpers import good_row, prepare_rows

TEXTS = [
    'O\'Neil "quoted" \\ back',
    "'; DROP TABLE rows; --",
    "line\nbreak\r\ttab",
    "two \u2028\u2029 separators",
    "😀 emoji é ü 東京",
    "bell \x07 escape \x1b delete \x7f end",
    "]},{" + '"event":"Lead"',
    "{{braces}} %s $1 ${x}",
    "\x00null",
    "e\u0301 combined \u200d\ufeff.",
    "\U0010ffff",
]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_arrives_as_it_was(text: str) -> None:
    row = good_row(description=text, order_id=text, content_name=text, event_id=text)
    event = prepare_rows([row]).event
    assert event["properties"]["description"] == text
    assert (event["event_id"], event["properties"]["contents"]) == (text, [{"content_name": text}])


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_arrives_in_grouped_events(text: str) -> None:
    rows = [good_row(content_name=text, content_id="1"), good_row(content_name=text, content_id="2", agent=text)]
    event = prepare_rows(rows, "web").event
    assert [item["content_name"] for item in event["properties"]["contents"]] == [text, text]
    assert event["user"]["user_agent"] == text


@pytest.mark.parametrize(
    "name",
    ['a"b', "a'b", "a;b", "a\nb", "_lead", "json", "f_email_raw", "😀", "verdict", "issues", "rows", "item", "key"],
)
def test_any_column_name_is_harmless(name: str) -> None:
    rows = [good_row(**{name: "x"}), good_row(**{name: "y"}), good_row(event_id=None, **{name: "z"})]
    outcome = prepare_rows(rows)
    assert len(outcome.events) == 2
    assert outcome.issues == []


@pytest.mark.parametrize("code", ['T"1', "T\\1", "T'1", "T\n1"])
def test_settings_are_written_as_json(code: str) -> None:
    body = prepare_rows([good_row()], test_event_code=code).bodies[0]
    assert orjson.loads(body)["test_event_code"] == code


@pytest.mark.parametrize("url", ["https://a.example/?x='\"\\", "https://a.example/%27;--"])
def test_settings_are_quoted_in_sql(url: str) -> None:
    assert prepare_rows([good_row()], "web", default_page_url=url).event["page"]["url"] == url


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_number_is_shown_without_a_sign(sign: float) -> None:
    outcome = prepare_rows([good_row(price=math.copysign(math.nan, sign))])
    assert outcome.issues == [(1, "price", "bad_number", "nan", "reject")]
