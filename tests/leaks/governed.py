"""The part of the journey on which access is handed out: links, invitations, keys, sandboxes, mistyped passwords."""

import requests

from destinations.choices import LinkKind
from destinations.models import Credential
from destinations.services import link_create
from tests.leaks.journey import ADMIN, Journey, fill_in, somebodys_browser
from tiktok_hub.api.services import key_create
from tiktok_hub.people.invitations import invitation_create
from tiktok_hub.sandboxes.services import sandbox_create
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.scope import tenant_scope

HANDED = "zqtoken-handed-over-0123456789abcdef"
PASSWORD, MISTYPED = "zqpassword-of-nina-77", "zqmistyped-password-77"


def last_part(address: str) -> str:
    """Return the secret part of a link."""
    return address.rstrip("/").rpartition("/")[2]


def token_handed_over(journey: Journey, hub: str) -> None:
    """Let a stranger hand over a token by a link: first one that TikTok refuses."""
    seed = {"access_token": HANDED, "app_id": "", "user_id": ADMIN, "advertiser_ids": [journey.advertiser],
            "scopes": [100, 30, 7224195155857866754]}  # fmt: skip
    journey.emulator("seed", {"tokens": [seed]})
    with tenant_scope(journey.tenant):
        credential = Credential.objects.create(tenant=journey.tenant, name="handed over")
        user = journey.membership.user
        _, address = link_create(credential=credential, by=user, kind=LinkKind.SECRET, site_url=hub)
    journey.secrets |= {"handed token": HANDED, "secret link": last_part(address)}
    with somebodys_browser() as browser:
        for token, status in ((f"{HANDED}-mistyped", 422), (HANDED, 200)):
            answer = browser.post(address, data={"token": token}, timeout=30)
            assert answer.status_code == status
            # The page's own address stands on no page; what was typed neither.
            journey.traces.add("pages of a secret link", answer.text.replace(last_part(address), ""))


def invited(journey: Journey, hub: str) -> None:
    """Let somebody in by an invitation, and let them mistype their password afterwards."""
    with tenant_scope(journey.tenant):
        sent = invitation_create(
            giver=journey.membership, email="nina@acme.example", policy=Policy.READ_ONLY, options=[], site_url=hub
        )
    journey.secrets |= {"invitation": last_part(sent.link), "password": PASSWORD, "mistyped password": MISTYPED}
    with somebodys_browser() as browser:
        fill_in(browser, sent.link, name="Nina", password=PASSWORD, again=PASSWORD)
    with somebodys_browser() as browser:
        for email, password in (("nina@acme.example", MISTYPED), (MISTYPED, MISTYPED)):
            # The form keeps what was typed as address for the person in front of it.
            page = fill_in(browser, f"{hub}/login/", username=email, password=password).text
            journey.traces.add("log-in page after a mistake", page.replace(f'value="{email}"', ""))


def program(journey: Journey, hub: str, run: int) -> None:
    """Ask the API with a key, and with a wrong one."""
    with tenant_scope(journey.tenant):
        _, key = key_create(membership=journey.membership, name="program", days=1)
    journey.secrets["API key"] = key
    with somebodys_browser() as browser:
        for text, path in ((key, "me"), (key, f"runs/{run}"), (key, f"runs/{run}/issues.csv"), (key + "x", "me")):
            answer: requests.Response = browser.get(
                f"{hub}/api/v1/{path}", headers={"Authorization": f"Bearer {text}"}, timeout=30
            )
            journey.traces.add(f"API {path}", answer.text)


def sandboxed(journey: Journey) -> None:
    """Copy everything into a sandbox, tokens and a sample of the data too."""
    with tenant_scope(journey.tenant):
        sandbox_create(production=journey.tenant, name="trial", membership=journey.membership, rows=10, tokens=True)


def governed(journey: Journey, hub: str, run: int) -> None:
    """Hand out access in every way."""
    token_handed_over(journey, hub)
    invited(journey, hub)
    program(journey, hub, run)
    sandboxed(journey)
