"""A brand's whole way through the product, with markers in everything that nobody may see."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from django.conf import settings
from django.core.exceptions import ValidationError
from django.test import Client

from destinations.choices import CredentialStatus, CredentialType
from destinations.models import Credential, Destination
from destinations.services import credential_token_set, link_create
from orchestrations.alerts.choices import ChannelKind, RuleKind
from orchestrations.alerts.models import Channel
from orchestrations.alerts.services import channel_save
from orchestrations.choices import QueryStatus, RunPurpose, RunTrigger
from orchestrations.datasets import dataset_load
from orchestrations.models import Orchestration, Query, Run
from orchestrations.queries import query_preview, query_save
from orchestrations.runs.services import run_start
from tests.leaks.traces import Traces
from tests.orchestrations.alerts.receivers import HOOK, Receiver
from tests.orchestrations.conftest import ACCOUNTS, order_rows, rows_write
from tests.programs import wait_for
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.scope import tenant_scope

TOKEN = "zqtoken-pasted-0123456789abcdef"
AUDIENCE_TOKEN = "zqtoken-audiences-0123456789abcdef"
ADMIN = "7200000000000000001"
PEOPLE = {
    "e-mail": "zqgood.person@mail.example",
    "e-mail as audiences hash it": "zqgoodperson@mail.example",
    "bad e-mail": "zqbad.person(at)nowhere",
    "phone": "4155550137",
    "phone as typed": "(415) 555-0137",
    "bad phone": "zqphone-0000",
    "device": "2af0aa11-77b0-4e0e-9d1d-a5c0ffee2af0",
    "bad device": "zqdevice-0000",
    "external id": "zqexternal-77",
    "name": "Zqname Personal",
}
CONVERSION = "SELECT *, CAST(name AS INTEGER) AS quantity FROM people"


@contextmanager
def somebodys_browser() -> Iterator[requests.Session]:
    """Open a browser, whose own logs are not the product's."""
    logging.disable()
    try:
        with requests.Session() as browser:
            yield browser
    finally:
        logging.disable(logging.NOTSET)


def fill_in(browser: requests.Session, address: str, **values: str) -> requests.Response:
    """Open a page, fill in its form and send it; return the page that comes."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(address, timeout=30).text)
    assert found
    data = {"csrfmiddlewaretoken": found[1], **values}
    answer = browser.post(address, data=data, headers={"Referer": address}, timeout=30)
    answer.raise_for_status()
    return answer


class Journey:
    """What is done on the way; `secrets` grow with it."""

    def __init__(self, membership: Membership, emulator_url: str, folder: Path, traces: Traces) -> None:
        self.membership = membership
        self.tenant = membership.tenant
        self.emulator_url = emulator_url.rstrip("/")
        self.folder = folder
        self.traces = traces
        self.secrets = {
            "app secret": settings.TIKTOK_APP_SECRET, "pasted token": TOKEN, "pasted for audiences": AUDIENCE_TOKEN,
        }  # fmt: skip
        _, self.advertiser, self.event_set = ACCOUNTS[self.tenant.slug]

    def emulator(self, path: str, body: Any) -> None:
        """Steer TikTok."""
        requests.post(f"{self.emulator_url}/_emulator/{path}", json=body, timeout=10).raise_for_status()

    def authorise(self, hub: str) -> Credential:
        """Connect by a link, over TikTok's consent page, through the real web server."""
        with tenant_scope(self.tenant):
            credential = Credential.objects.create(tenant=self.tenant, name="by link", status=CredentialStatus.PENDING)
            _, address = link_create(credential=credential, by=self.membership.user, site_url=hub)
        self.secrets["link"] = address.rstrip("/").rpartition("/")[2]
        with somebodys_browser() as browser:
            browser.get(address, timeout=30).raise_for_status()
            there = browser.post(address, allow_redirects=False, timeout=30).headers["Location"]
            asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
            form = {**asked, "user_id": ADMIN, "decision": "authorize", "advertiser_ids": self.advertiser,
                    "scopes": ["100", "7224195155857866754"]}  # fmt: skip
            back = requests.post(there.split("?")[0], data=form, allow_redirects=False, timeout=30).headers["Location"]
            self.secrets["auth code"] = parse_qs(urlsplit(back).query)["auth_code"][0]
            self.secrets["state"] = asked["state"]
            done = browser.get(back, timeout=30)
        self.traces.add("page after the authorization", done.text)
        with tenant_scope(self.tenant):
            credential = Credential.objects.get(pk=credential.pk)
            self.secrets["granted token"] = credential.access_token.reveal()
        return credential

    def paste(self, kind: CredentialType = CredentialType.EVENTS) -> Credential:
        """Connect by a pasted token, after one that TikTok refuses."""
        token, scope = (TOKEN, 7224195155857866754) if kind == CredentialType.EVENTS else (AUDIENCE_TOKEN, 31)
        seed = {"access_token": token, "app_id": settings.TIKTOK_APP_ID, "user_id": ADMIN,
                "advertiser_ids": [self.advertiser], "scopes": [100, 30, scope]}  # fmt: skip
        self.emulator("seed", {"tokens": [seed]})
        with tenant_scope(self.tenant):
            credential = Credential.objects.create(tenant=self.tenant, name=f"pasted for {kind}", type=kind)
            try:
                credential_token_set(credential=credential, token=f"{token}-mistyped", by=self.membership.user)
            except ValidationError as error:
                self.traces.add("refusal of a token", [error, repr(error), error.messages])
            credential_token_set(credential=credential, token=token, by=self.membership.user)
        return credential

    def rows(self) -> list[dict[str, Any]]:
        """Make rows of people, good and bad, with markers in every cell that is personal."""
        rows = [{**row, "external_id": "", "name": "Somebody", "device": ""} for row in order_rows(1200)]
        person = {"email": PEOPLE["e-mail"], "external_id": PEOPLE["external id"], "name": PEOPLE["name"],
                  "phone": PEOPLE["phone as typed"], "device": PEOPLE["device"].upper()}  # fmt: skip
        bad = {"email": PEOPLE["bad e-mail"], "phone": PEOPLE["bad phone"], "device": PEOPLE["bad device"]}
        rows[1] |= person
        rows[2] |= person | {"email": PEOPLE["bad e-mail"]}
        rows[3] |= person | bad
        rows[4] |= bad
        rows[5] |= person | {"timestamp": "yesterday"}
        rows[6] |= {"value": "12 USD"}
        rows[7] |= {"event_id": "refuse-me", "email": PEOPLE["e-mail"].upper()}
        return rows

    def orchestration(self, name: str, credential: Credential, sql: str) -> Orchestration:
        """Configure a delivery of events that people with restricted access may start."""
        settings = {"event_source": "offline"}
        return self._orchestration("tiktok-ads-events", name, credential, sql, settings, event_source_id=self.event_set)

    def audience(self, credential: Credential) -> Orchestration:
        """Configure an audience that people with restricted access may look at."""
        sql = "SELECT email, phone, device AS idfa FROM people"
        settings = {"user_id_types": ["EMAIL", "PHONE", "IDFA"], "people_per_request": 500}
        return self._orchestration("tiktok-ads", "audience", credential, sql, settings, audience_name="buyers")

    def _orchestration(
        self, plugin: str, name: str, credential: Credential, sql: str, settings: dict[str, Any], **overrides: str
    ) -> Orchestration:
        own = {"tenant": self.tenant, "name": name}
        with tenant_scope(self.tenant):
            file = rows_write(self.folder / "people.csv", self.rows())
            dataset_load(tenant=self.tenant, name="people", file=file, filename="people.csv")
            query = query_save(query=Query(**own, sql=sql, status=QueryStatus.ACTIVE))
            destination = Destination.objects.create(
                **own, plugin=plugin, credential=credential, pii_setting=True,
                settings={"advertiser_id": self.advertiser, **settings},
            )  # fmt: skip
            return Orchestration.objects.create(**own, query=query, destination=destination, settings=overrides)

    def trouble(self) -> None:
        """Let TikTok repeat in its messages what it was sent, the token too, and lose connections."""
        events, people = {"event_id": "refuse-me"}, {"id": sha256(b"person9@mail.example").hexdigest()}
        self._trouble(TOKEN, "/event/track/", events)
        self._trouble(self.secrets["granted token"], "/event/track/", events)
        self._trouble(AUDIENCE_TOKEN, "/segment/mapping/", people)
        self._trouble(AUDIENCE_TOKEN, "/segment/audience/")
        self._trouble(AUDIENCE_TOKEN, "/dmp/custom_audience/list/")

    def _trouble(self, token: str, path: str, refused: dict[str, str] | None = None) -> None:
        said = f"Invalid value: {PEOPLE['e-mail']} +1{PEOPLE['phone']} {PEOPLE['device']} {token}"
        match = {"path": path, "token": token}
        self.emulator("faults", [
            {"match": match, "action": {"reset": True}, "times": 1},
            {"match": match, "action": {"code": 50002, "message": said}, "times": 1},
        ])  # fmt: skip
        if refused is not None:
            self.emulator("faults", {"match": {**match, "item": refused}, "action": {"code": 40002, "message": said}})

    def alerts(self, receiver: Receiver) -> Channel:
        """Have every run told to a webhook, whose address and secret are nobody's business."""
        with tenant_scope(self.tenant):
            channel = Channel(tenant=self.tenant, name="tickets", kind=ChannelKind.WEBHOOK, url=receiver.url)
            channel_save(channel=channel, kinds=list(RuleKind.values))
            self.secrets |= {"webhook": HOOK, "webhook's secret": channel.secret.reveal()}
        return channel

    def run(self, orchestration: Orchestration, purpose: RunPurpose = RunPurpose.DELIVER) -> Run:
        """Start a run or a plan and wait until the real worker has ended it."""
        with tenant_scope(self.tenant):
            run = run_start(
                orchestration=orchestration, membership=self.membership, trigger=RunTrigger.MANUAL, purpose=purpose
            )
            wait_for(lambda: Run.objects.get(pk=run.pk).is_finished)
            return Run.objects.get(pk=run.pk)

    def preview_failing(self) -> None:
        """Look at the first rows of a query that stumbles over a cell."""
        with tenant_scope(self.tenant):
            try:
                query_preview(tenant=self.tenant, sql=CONVERSION, masked=False)
            except ValidationError as error:
                self.traces.add("message of a failing query", [error, repr(error), error.messages])
                return
        raise AssertionError("the conversion did not fail")

    def visit(self, browser: Client, who: str, paths: list[str]) -> None:
        """Open pages of the tenant in Django's test browser."""
        for path in paths:
            answer = browser.get(f"/{self.tenant.slug}/{path}")
            assert answer.status_code == 200, path
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            self.traces.add(f"{who}'s page {path}", body)

    def visit_hub(self, hub: str, email: str, paths: list[str]) -> None:
        """Log in at the real web server and open pages of the tenant."""
        with somebodys_browser() as browser:
            fill_in(browser, f"{hub}/login/", username=email, password="password")
            for path in paths:
                answer = browser.get(f"{hub}/{self.tenant.slug}/{path}", timeout=30)
                assert answer.status_code == 200, path
                self.traces.add(f"page {path} of the real web server", answer.content)

    def explain(self, hub: str, email: str, **form: str) -> str:
        """Log in at the real web server and ask how a value becomes a digest; return the page, which is no trace.

        It shows the value's steps to the person who typed it, and to nobody else: browsers are told to forget it.
        """
        with somebodys_browser() as browser:
            fill_in(browser, f"{hub}/login/", username=email, password="password")
            address = f"{hub}/{self.tenant.slug}/orchestrations/audience/explain/"
            answer = fill_in(browser, address, **form)
            assert "no-store" in answer.headers["Cache-Control"]
            self.traces.add("addresses of the explainer", [answer.url, answer.headers, browser.cookies])
            self.traces.add("explainer that is opened again", browser.get(address, timeout=30).text)
        return answer.text
