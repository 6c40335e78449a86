"""Measure the server's time for pages of a tenant with many runs: `python -m tests.benchmark.pages --runs N`.

In a process of its own with a database of its own; another tenant has as many runs. Prints page → milliseconds, the
median of several requests after a first one.
"""

import argparse
import json
import os
import tempfile
import time
from statistics import median

FOLDER = tempfile.mkdtemp(prefix="hub-benchmark-")
os.environ |= {
    "HUB_DATA_DIR": FOLDER,
    "DATABASE_URL": os.environ.get("BENCH_DATABASE_URL") or f"sqlite:///{FOLDER}/hub.sqlite3",
    "DJANGO_SETTINGS_MODULE": "tiktok_hub.settings",
    "LOG_LEVEL": "ERROR",
    "ALLOWED_HOSTS": "testserver",
}

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.test import Client

from orchestrations.models import Run
from tests.orchestrations.history import history_make
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import tenant_scope

RUNS = "orchestrations/run/"
PAGES = {
    "dashboard": "",
    "runs": RUNS,
    "runs, filtered": f"{RUNS}?when=month&status__exact=failed",
    "runs, searched": f"{RUNS}?q=events",
    "runs, last page": f"{RUNS}?p=100",
    "run": f"{RUNS}{{run}}/change/",
    "run, live": f"{RUNS}{{run}}/live/",
    "reconciliation, 30 days": f"{RUNS}reconciliation/",
    "reconciliation, 90 days": f"{RUNS}reconciliation/?days=90",
    "orchestrations": "orchestrations/orchestration/",
    "orchestration": "orchestrations/orchestration/{orchestration}/",
    "audiences": "orchestrations/audience/",
    "queries": "orchestrations/query/",
    "datasets": "orchestrations/dataset/",
    "destinations": "destinations/destination/",
    "credentials": "destinations/credential/",
    "audit log": "audit/entry/",
}
REQUESTS = 7


def tenant_make(slug: str, runs: int) -> Run:
    """Make a tenant with a long past, and return its last run."""
    tenant = Tenant.objects.create(slug=slug, name=slug.title(), time_zone="Europe/Berlin")
    return history_make(tenant, runs)[-1]


def browser_of(slug: str) -> Client:
    """Return the browser of a tenant's administrator."""
    user = User.objects.create_user("ada@bench.example", "password", name="Ada")
    tenant = Tenant.objects.get(slug=slug)
    with tenant_scope(tenant):
        Membership.objects.create(tenant=tenant, user=user, policy=Policy.ADMINISTRATOR)
    browser = Client()
    browser.force_login(user)
    return browser


def milliseconds(browser: Client, address: str) -> float:
    """Return the median time of some requests."""
    times = []
    for _ in range(REQUESTS + 1):
        start = time.perf_counter()
        answer = browser.get(address)
        times.append((time.perf_counter() - start) * 1000)
        if answer.status_code != 200:  # noqa: PLR2004
            raise SystemExit(f"{address} answered {answer.status_code}")
    return round(median(times[1:]), 1)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    given = parser.parse_args()
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    call_command("migrate", verbosity=0)
    tenant_make("globex", given.runs)
    last = tenant_make("acme", given.runs)
    browser = browser_of("acme")
    paths = {name: path.format(run=last.pk, orchestration=last.orchestration_id) for name, path in PAGES.items()}
    print(json.dumps({name: milliseconds(browser, f"/acme/{path}") for name, path in paths.items()}))


if __name__ == "__main__":
    main()
