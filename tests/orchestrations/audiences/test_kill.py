"""`kill -9` of worker and broker in the middle of a run: afterwards TikTok's sets equal the query's."""

from pathlib import Path

import pytest

from orchestrations.choices import RunStatus
from orchestrations.models import Run
from tests.orchestrations.audiences.conftest import ids_of, people
from tests.programs import broker, database_url, kill, program, wait_for


@pytest.fixture
def environment(keeper, tmp_path) -> dict[str, str]:
    """What a worker needs to find the test's database, broker and TikTok; leases and sweeps are short."""
    return {
        "DATABASE_URL": database_url(),
        "REDIS_URL": f"unix://{tmp_path / 'broker.sock'}",
        "TIKTOK_API_URL": keeper.emulator.api_url,
        "HUB_LEASE_SECONDS": "2",
        "HUB_SWEEP_SECONDS": "0.5",
    }


def test_killed_worker_and_broker_forget_nobody(keeper, environment, tmp_path):
    keeper.set_up(people(range(1000)), people_per_request=50)
    keeper.control("latency", {"seconds": 0.1})
    before, after = people(range(1000)), people(range(300, 1300))
    for rows, enough in ((before, 200), (after, 350)):
        keeper.people(rows)
        run = keeper.start()
        with keeper.scope():
            interrupted(run, enough, environment, tmp_path)
            run.refresh_from_db()
        assert (run.status, run.unknown, run.unsent) == (RunStatus.SUCCEEDED, 0, 0)
        assert keeper.held() == ids_of(rows)
    assert len(keeper.audiences()) == 1
    assert keeper.audience().people == 1000


def interrupted(run: Run, enough: int, environment: dict[str, str], folder: Path) -> None:
    """Let workers carry a run; when enough was accepted, kill worker and broker, and start them again."""
    worker = ("worker", "--pool", "prefork", "-c", "1", "--loglevel", "warning")
    beat = ("beat", "-s", str(folder / "beat"), "--loglevel", "warning")
    with program(*beat, **environment):
        with broker(folder) as first, program(*worker, **environment) as doomed:
            wait_for(lambda: Run.objects.get(pk=run.pk).accepted >= enough)
            kill(doomed)
            kill(first)
            assert not Run.objects.get(pk=run.pk).is_finished
        with broker(folder), program(*worker, **environment):
            wait_for(lambda: Run.objects.get(pk=run.pk).is_finished)
