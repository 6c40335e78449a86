"""Replays on the pages: told beforehand, started once, and seen from both runs."""

from datetime import timedelta

from django.utils import timezone

from orchestrations.models import Batch, Run
from tests.orchestrations.admin.conftest import ROWS, text
from tests.orchestrations.conftest import run_through
from tiktok_hub.tenancy.scope import tenant_scope


def address(run: Run, page: str) -> str:
    return f"/acme/orchestrations/run/{run.pk}/{page}"


def latest(run: Run) -> Run:
    with tenant_scope(run.tenant):
        return Run.objects.select_related("tenant").latest("pk")


def test_the_page_says_what_each_choice_would_do(finished, person):
    page = text(person("bea").get(address(finished, "replay/")))
    assert f"Replay {ROWS} rows" in page
    assert "Replay 3 rejected rows" in page
    assert f"Run {finished.pk} has no unknown rows." in page
    assert "it accepted them less than 48 hours ago" in page


def test_both_runs_name_each_other(finished, person):
    browser = person("ada")
    browser.post(address(finished, "replay/now/"), {"rows": "all"})
    again = latest(finished)
    with tenant_scope(finished.tenant):
        run_through(again)
    assert f"/run/{finished.pk}/change/" in text(browser.get(address(again, "change/")))
    assert "Replay (all rows) of" in text(browser.get(address(again, "live/")))
    assert f"/run/{again.pk}/change/" in text(browser.get(address(finished, "change/")))


def test_a_second_click_starts_nothing(finished, person):
    browser = person("ada")
    for _ in range(2):
        answer = browser.post(address(finished, "replay/now/"), {"rows": "all"}, follow=True)
    assert "is not finished yet" in text(answer)
    with tenant_scope(finished.tenant):
        assert Run.objects.count() == 2


def test_what_counts_twice_needs_the_tick(finished, person):
    browser = person("ada")
    with tenant_scope(finished.tenant):
        Batch.objects.update(sent_at=timezone.now() - timedelta(days=3))
    assert 'name="count_twice" required' in text(browser.get(address(finished, "replay/")))
    answer = browser.post(address(finished, "replay/now/"), {"rows": "all"}, follow=True)
    assert "would count them twice" in text(answer)
    browser.post(address(finished, "replay/now/"), {"rows": "all", "count_twice": "on"})
    assert latest(finished).replay_of_id == finished.pk


def test_who_may_not_start_runs_is_offered_no_replay(finished, person):
    assert "run-replay" not in text(person("rita").get(address(finished, "change/")))
    assert "run-replay" in text(person("bea").get(address(finished, "change/")))
