"""What pages ask of the database: no more for ten thousand runs than for some, whatever other tenants have."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orchestrations.models import Run, Stream
from tests.orchestrations.history import history_make, runs_add
from tests.orchestrations.streaming import EVENT, chunk_add, stream_in
from tiktok_hub.tenancy.scope import tenant_scope

RUNS = "orchestrations/run/"
MOST: dict[str, int] = {
    "": 24,
    RUNS: 17,
    f"{RUNS}?when=month&status__exact=failed": 17,
    f"{RUNS}{{run}}/change/": 21,
    f"{RUNS}{{run}}/live/": 14,
    f"{RUNS}reconciliation/": 22,
    f"{RUNS}reconciliation/?days=90&orchestration={{orchestration}}": 23,
    "orchestrations/orchestration/": 16,
    "orchestrations/orchestration/{orchestration}/": 26,
    "orchestrations/stream/": 17,
    **{f"orchestrations/stream/{{stream}}/{page}": 20 for page in ("", "live/", "debugger/", "connect/", "reference/")},
    "orchestrations/audience/": 16,
    "orchestrations/query/": 16,
    "orchestrations/dataset/": 16,
    "orchestrations/retentionreport/": 16,
    "destinations/destination/": 16,
    "destinations/credential/": 16,
    "audit/entry/": 16,
    **{f"alerts/{name}/": 16 for name in ("incident", "rule", "channel", "delivery")},
}
"""Page → queries at most, those of session, person and tenant included."""
CLOSED = (
    "destinations/credential/",
    "audit/entry/",
    "orchestrations/retentionreport/",
    *(page for page in MOST if page.startswith("alerts/")),
)  # to business users


def asked(browser: Client, page: str, run: Run) -> int:
    """Return how many queries a page needs the second time it is opened."""
    with tenant_scope(run.tenant):
        stream = Stream.objects.get()
    address = "/acme/" + page.format(run=run.pk, orchestration=run.orchestration_id, stream=stream.pk)
    browser.get(address)
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(address)
    assert answer.status_code == 200
    return len(queries)


def test_pages_ask_no_more_for_ten_thousand_runs(acme, globex, ada, bea, client_of):
    visits = [(client_of(ada), page) for page in MOST]
    visits += [(client_of(bea), page) for page in MOST if page not in CLOSED]
    history_make(globex, 50)
    [*_, last] = history_make(acme, 100)
    stream = stream_in(acme)
    for _ in range(3):
        chunk_add(stream, [EVENT])
    few = [asked(browser, page, last) for browser, page in visits]
    runs_add(acme, 10_000)
    for _ in range(30):
        chunk_add(stream, [EVENT])
    assert [asked(browser, page, last) for browser, page in visits] == few
    assert [page for count, (_, page) in zip(few, visits, strict=True) if count > MOST[page]] == []
