"""Business-user access on every way to a destination: who may use it is asked in one sense everywhere."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from destinations.models import Destination
from orchestrations.choices import RunPurpose, RunStatus, RunTrigger
from orchestrations.models import Orchestration, Run
from orchestrations.runs.retrying import run_retry
from orchestrations.runs.services import run_release, run_start
from orchestrations.schedules.scheduling import schedules_tick
from orchestrations.schedules.timetables import Wish, schedule_save
from tests.conftest import person
from tests.orchestrations.conftest import order_rows
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

ACCESS = {
    "default": {},
    "admin only": {"admin_only": True},
    "PII setting": {"pii_setting": True},
    "admin only, PII setting": {"admin_only": True, "pii_setting": True},
}
PEOPLE = {
    "administrator": (Policy.ADMINISTRATOR, False),
    "restricted operator": (Policy.OPERATOR, True),
    "business user": (Policy.BUSINESS_USER, False),
    "restricted business user": (Policy.BUSINESS_USER, True),
}
# Said in product terms, apart from the code: who gets in where.
CLOSED = {
    ("default", "restricted operator"), ("default", "restricted business user"),
    ("admin only", "business user"), ("admin only", "restricted business user"), ("admin only", "restricted operator"),
    ("admin only, PII setting", "business user"), ("admin only, PII setting", "restricted business user"),
}  # fmt: skip
OWN = "/acme/orchestrations"


class Ways:
    """What somebody may try with one orchestration; each way returns whether it was let through."""

    def __init__(self, orchestration: Orchestration, membership: Membership, browser: Any) -> None:
        self.orchestration, self.membership, self.browser = orchestration, membership, browser

    def shows(self, path: str, text: str) -> bool:
        """Say whether a page exists and names something."""
        answer = self.browser.get(path)
        return answer.status_code == 200 and text in answer.content.decode()

    def destination_list(self) -> bool:
        return self.shows("/acme/destinations/destination/", ">store<")

    def list(self) -> bool:
        return self.shows(f"{OWN}/orchestration/", "purchases-to-tiktok")

    def page(self) -> bool:
        return self.shows(f"{OWN}/orchestration/{self.orchestration.pk}/", "purchases-to-tiktok")

    def picker(self) -> bool:
        return self.shows(f"{OWN}/orchestration/add/", ">store</option>")

    def save(self) -> bool:
        typed = {
            "name": "second", "query": self.orchestration.query_id, "destination": self.orchestration.destination_id,
            "enabled": "on", "setting_event_source_id": "7654321098765432100",
        }  # fmt: skip
        self.browser.post(f"{OWN}/orchestration/add/", typed)
        return Orchestration.objects.filter(name="second").exists()

    def run(self) -> bool:
        return self.starts(RunPurpose.DELIVER)

    def plan(self) -> bool:
        return self.starts(RunPurpose.PLAN)

    def starts(self, purpose: RunPurpose) -> bool:
        try:
            run_start(
                orchestration=self.orchestration, membership=self.membership, trigger=RunTrigger.MANUAL,
                purpose=purpose,
            )  # fmt: skip
        except PermissionDenied:
            return False
        return True

    def ended(self, **fields: Any) -> Run:
        return Run.objects.create(
            tenant=self.orchestration.tenant, orchestration=self.orchestration,
            credential=self.orchestration.destination.credential,
            inputs={"plugin": "tiktok-ads-events", "settings": {}}, **fields,
        )  # fmt: skip

    def retry(self) -> bool:
        run = self.ended(status=RunStatus.FAILED)
        try:
            run_retry(run=run, membership=self.membership)
        except PermissionDenied:
            return False
        return True

    def release(self) -> bool:
        run = self.ended(status=RunStatus.HELD)
        try:
            run_release(run=run, membership=self.membership)
        except PermissionDenied:
            return False
        return True

    def run_page(self) -> bool:
        return self.browser.get(f"{OWN}/run/{self.ended().pk}/change/").status_code == 200

    def download(self) -> bool:
        return self.browser.get(f"{OWN}/run/{self.ended().pk}/issues.csv").status_code == 200

    def command(self) -> bool:
        try:
            call_command("orchestration_run", "acme", "purchases-to-tiktok", "--user", self.membership.user.email)
        except (CommandError, SystemExit):
            return False
        return True

    def schedule(self) -> bool:
        wish = Wish(time_zone="UTC", every_minutes=60)
        schedule = schedule_save(orchestration=self.orchestration, wish=wish, user=self.membership.user)
        assert schedule is not None
        assert schedule.next_slot is not None
        return schedules_tick(schedule.next_slot) == 1


WAYS = [name for name, value in vars(Ways).items() if callable(value) and name[0] != "_"]
WAYS = [name for name in WAYS if name not in {"shows", "starts", "ended"}]


@pytest.fixture
def ways_of(acme, client_of, orchestration_of, emulator, membership_in):
    """Open Acme's destination as `access` says, and try as somebody."""

    def make(access: str, who: str) -> Ways:
        orchestration = orchestration_of(acme, order_rows(2))
        policy, restricted = PEOPLE[who]
        user = person(acme, "walker@acme.example", policy, restrict_pii=restricted)
        with tenant_scope(acme):
            Destination.objects.update(**ACCESS[access])
            orchestration.refresh_from_db()
        return Ways(orchestration, membership_in(user, acme), client_of(user))

    return make


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("access", ACCESS)
def test_access_to_a_destination_means_the_same_everywhere(ways_of, acme, ada, access, who):
    ways, outcomes = ways_of(access, who), {}
    # Held runs are for administrators and operators, whatever is open to others.
    tried = [way for way in WAYS if way != "release" or "business" not in who]
    with tenant_scope(acme):
        for way in tried:
            Run.objects.all().delete()
            outcomes[way] = getattr(ways, way)()
    assert outcomes == dict.fromkeys(tried, (access, who) not in CLOSED)


@pytest.mark.parametrize("way", ["run", "retry", "release", "command", "schedule"])
def test_restricted_exports_send_by_no_way(ways_of, acme, ada, way):
    ways = ways_of("default", "administrator")
    with tenant_scope(acme):
        Membership.objects.filter(pk=ways.membership.pk).update(restrict_data_exports=True)
        ways.membership.refresh_from_db()
        assert ways.plan()
        assert not getattr(ways, way)()


def test_restricted_exports_save_no_schedule_in_their_name(ways_of, acme, membership_in):
    ways = ways_of("default", "business user")
    with tenant_scope(acme):
        Membership.objects.filter(pk=ways.membership.pk).update(restrict_data_exports=True)
    typed = {
        "name": "nightly", "query": ways.orchestration.query_id, "destination": ways.orchestration.destination_id,
        "enabled": "on", "setting_event_source_id": "7654321098765432100",
        "schedule-kind": "interval", "schedule-every_minutes": "60", "schedule-time_zone": "UTC",
        "schedule-overlap": "skip", "schedule-missed": "once",
    }  # fmt: skip
    answer = ways.browser.post(f"{OWN}/orchestration/add/", typed)
    assert "nothing can run by itself in your name" in answer.content.decode()


def test_owner_of_a_refused_schedule_is_told_once(ways_of, acme, settings, mailoutbox):
    settings.EMAIL_URL = "memory://"
    ways = ways_of("default", "business user")
    with tenant_scope(acme):
        assert ways.schedule()
        Run.objects.all().delete()
        Destination.objects.update(admin_only=True)
    for hour in (2, 3):
        with tenant_scope(acme):
            slot = ways.orchestration.schedule.__class__.objects.get().next_slot
        assert slot is not None, hour
        assert schedules_tick(slot) == 0
    assert [message.to for message in mailoutbox] == [["walker@acme.example"]]
    assert "is not open to Walker any more" in mailoutbox[0].body


def test_former_members_are_told_nothing_and_administrators_are(ways_of, acme, ada, settings, mailoutbox):
    settings.EMAIL_URL = "memory://"
    ways = ways_of("default", "business user")
    with tenant_scope(acme):
        assert ways.schedule()
        Run.objects.all().delete()
        ways.membership.delete()
        slot = ways.orchestration.schedule.__class__.objects.get().next_slot
    assert schedules_tick(slot) == 0
    assert [message.to for message in mailoutbox] == [[ada.email]]
