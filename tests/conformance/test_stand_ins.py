"""Other stand-ins of TikTok than ours: an odd but right answer is success, a wrong one is none, whatever its form."""

import json
from collections.abc import Callable

import pytest

from orchestrations.choices import RunStatus
from orchestrations.models import Run
from tests.conformance.providers import providers_each
from tests.conformance.stand_in import (
    StandIn,
    chunked,
    closes_after_each,
    closes_instead_of_the_second,
    cut_short,
    gzipped,
    http_1_0,
    refuses,
    says,
    standing_in,
    trickle,
)
from tests.conformance.world import World

pytestmark = pytest.mark.parametrize("provider", providers_each(), ids=lambda provider: provider.plugin)
ODD_HEADERS = {
    "Content_Type": "text/plain; charset=utf-8",
    "X_Tt_Logid": "log-1",
    "Set_Cookie": "a=b",
    "Server": "Tengine",
}
GOOD = [
    pytest.param(says('{"code":0}'), id="nothing but the code"),
    pytest.param(says('{"code":"0","message":"OK"}'), id="code as text"),
    pytest.param(says('{"code":0.0,"data":null}'), id="code as decimal, no data"),
    pytest.param(says('{"code":0,"data":[],"request_id":7}'), id="data as a list, id as a number"),
    pytest.param(says(' \n{"message":"OK","code":0}\n', **ODD_HEADERS), id="odd headers"),
    pytest.param(http_1_0, id="HTTP/1.0"),
    pytest.param(chunked, id="chunked"),
    pytest.param(trickle(0.3), id="slow trickle"),
    pytest.param(gzipped, id="compressed"),
    pytest.param(closes_after_each, id="closes after each answer"),
]
THEN_FINE = [
    pytest.param(refuses(429, "slow down", times=1), id="429 without JSON"),
    pytest.param(refuses(429, '{"code":40100,"message":"Too many requests."}', times=1), id="429 with JSON"),
    pytest.param(refuses(429, "", times=1, Retry_After="0"), id="429 with Retry-After"),
    pytest.param(refuses(200, '{"message":"OK"}', times=1), id="200 without a code"),
    pytest.param(refuses(200, '{"code":null}', times=1), id="200 with a null code"),
    pytest.param(refuses(200, '{"code":true}', times=1), id="200 with a code that is no number"),
    pytest.param(refuses(200, '{"code":0', times=1), id="200 with half of an object"),
    pytest.param(refuses(204, "", times=1), id="204"),
    pytest.param(cut_short, id="answer cut short"),
    pytest.param(closes_instead_of_the_second, id="closes a used connection instead of answering"),
]
WRONG = [
    pytest.param(401, "", "invalid_credentials", id="401 without JSON"),
    pytest.param(401, '{"code":40105,"message":"revoked"}', "invalid_credentials", id="401 with JSON"),
    pytest.param(403, "<html>no</html>", "missing_permissions", id="403 without JSON"),
    pytest.param(403, '{"code":40001,"message":"no permission"}', "missing_permissions", id="403 with JSON"),
    pytest.param(404, "404 page not found", "product_defect", id="404 without JSON"),
    pytest.param(404, '{"code":40400,"message":"no route"}', "product_defect", id="404 with JSON"),
    pytest.param(405, "", "product_defect", id="405"),
    pytest.param(301, "", "product_defect", id="redirect to nowhere"),
]


@pytest.fixture
def several(world) -> int:
    """As many rows as three requests hold."""
    return 2 * world.limit + 100


@pytest.fixture
def deliver(world: World, settings) -> Callable[[StandIn, int], Run]:
    """Send rows to a stand-in, one request after the other."""
    settings.HUB_DELIVERY_CONNECTIONS = 1

    def send(tiktok: StandIn, rows: int) -> Run:
        settings.TIKTOK_API_URL = tiktok.url
        return world.finish(world.start(world.orchestration(world.rows(rows))))

    return send


@pytest.mark.parametrize("style", GOOD)
def test_a_right_answer_in_any_form_is_success(deliver, several, style):
    with standing_in(style) as tiktok:
        run = deliver(tiktok, several)
    assert (run.status, run.accepted, run.unknown) == (RunStatus.SUCCEEDED, several, 0)
    assert len(tiktok.taken) == several


@pytest.mark.parametrize("style", THEN_FINE)
def test_what_is_no_answer_is_sent_again(deliver, several, style):
    with standing_in(style) as tiktok:
        run = deliver(tiktok, several)
    assert (run.status, run.accepted, run.unknown) == (RunStatus.SUCCEEDED, several, 0)
    assert len(tiktok.taken) == several
    assert run.attempts > run.requests


@pytest.mark.parametrize(("status", "text", "resolution"), WRONG)
def test_an_answer_that_trying_again_cannot_change_stops_the_run(deliver, status, text, resolution):
    with standing_in(refuses(status, text)) as tiktok:
        run = deliver(tiktok, 20)
    assert (run.status, run.attempts, run.unsent) == (RunStatus.FAILED, 1, 20)
    assert run.error["resolution"] == resolution
    assert not tiktok.taken


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_does_not_follow_a_redirect(deliver, status):
    with (
        standing_in(says(json.dumps({"code": 0}))) as elsewhere,
        standing_in(refuses(status, "", Location=elsewhere.url)) as tiktok,
    ):
        run = deliver(tiktok, 20)
    assert (run.status, run.accepted) == (RunStatus.FAILED, 0)
    assert (elsewhere.tokens, len(tiktok.tokens)) == ([], 1)


def test_an_answer_that_never_ends_is_given_up(deliver, settings):
    settings.TIKTOK_TIMEOUT_SECONDS = 0.1
    settings.HUB_RETRY_SECONDS = [0.01]
    with standing_in(trickle(1.5)) as tiktok:
        run = deliver(tiktok, 20)
    assert (run.status, run.unknown) == (RunStatus.FAILED, 20)
    assert len(tiktok.taken) == 20


def test_nobody_at_the_address_counts_as_not_sent(world, settings):
    settings.HUB_RETRY_SECONDS = [0.01]
    settings.TIKTOK_API_URL = "http://127.0.0.1:9/open_api/v1.3/"
    run = world.send(world.rows(20))
    assert (run.status, run.unsent, run.unknown) == (RunStatus.FAILED, world.unprepared(20), 0)
    assert run.error["resolution"] == "not_reachable"
