"""Fixtures for all tests: two tenants with their people, a running emulator, and a data folder of its own.

The environment is set before Django reads it, so that tests never touch a real installation's data. Databases and
brokers come from `tests/run.py`; without it the tests run on SQLite.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

DATA = Path(tempfile.mkdtemp(prefix="hub-tests-"))
os.environ["HUB_DATA_DIR"] = str(DATA)
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "0" * 50)
os.environ.setdefault("HUB_ENCRYPTION_KEYS", "only-for-tests")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{DATA / 'hub.sqlite3'}")
os.environ.setdefault("HUB_RETRY_SECONDS", "0.05,0.1,0.2")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser tests' event loop and the ORM share a thread
os.environ["TIKTOK_APP_ID"] = "7000000000000000001"
os.environ["TIKTOK_APP_SECRET"] = "emulator-secret"
# Nothing may leave the machine: a test that forgets to start the emulator talks to a closed port.
os.environ["TIKTOK_API_URL"] = "http://127.0.0.1:9/open_api/v1.3/"
os.environ["TIKTOK_AUTH_URL"] = "http://127.0.0.1:9/portal/auth"

import pytest
from django.test import Client

from destinations.emulator.server import EmulatorServer, running
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import tenant_scope


@pytest.fixture(autouse=True)
def _plain_settings(settings):
    """Make pages renderable without collected static files, and passwords cheap."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def acme(db) -> Tenant:
    """The brand that most tests are about."""
    return Tenant.objects.create(slug="acme", name="Acme Retail", time_zone="America/New_York", default_country="US")


@pytest.fixture
def globex(db) -> Tenant:
    """The other brand, whose things do not exist for anybody at Acme."""
    return Tenant.objects.create(slug="globex", name="Globex", time_zone="Europe/Berlin", default_country="DE")


def person(tenant: Tenant, email: str, policy: Policy, **options: bool) -> User:
    """Make somebody with a membership; the password is `password`."""
    user = User.objects.create_user(email, "password", name=email.split("@")[0].title())
    with tenant_scope(tenant):
        Membership.objects.create(tenant=tenant, user=user, policy=policy, **options)
    return user


@pytest.fixture
def ada(acme) -> User:
    """Administrator of Acme."""
    return person(acme, "ada@acme.example", Policy.ADMINISTRATOR)


@pytest.fixture
def olga(acme) -> User:
    """Operator of Acme."""
    return person(acme, "olga@acme.example", Policy.OPERATOR)


@pytest.fixture
def ben(acme) -> User:
    """Business user of Acme with restricted PII access."""
    return person(acme, "ben@acme.example", Policy.BUSINESS_USER, restrict_pii=True)


@pytest.fixture
def bea(acme) -> User:
    """Business user of Acme who may see personal data."""
    return person(acme, "bea@acme.example", Policy.BUSINESS_USER)


@pytest.fixture
def rita(acme) -> User:
    """Somebody at Acme who may only read."""
    return person(acme, "rita@acme.example", Policy.READ_ONLY)


@pytest.fixture
def charlie(globex) -> User:
    """Administrator of the other brand."""
    return person(globex, "charlie@globex.example", Policy.ADMINISTRATOR)


@pytest.fixture
def root(db) -> User:
    """Platform superuser."""
    return User.objects.create_superuser("root@hub.example", "password", name="Root")


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """Return a logged-in browser of somebody."""

    def client(user: User) -> Client:
        browser = Client()
        browser.force_login(user)
        return browser

    return client


@pytest.fixture
def emulator(settings) -> Iterator[EmulatorServer]:
    """A TikTok of one's own, over real HTTP, that the settings point at."""
    with running() as emulator:
        settings.TIKTOK_API_URL = emulator.api_url
        settings.TIKTOK_AUTH_URL = emulator.auth_url
        yield emulator


@pytest.fixture
def membership_in() -> Callable[[User, Tenant], Membership]:
    """Return somebody's membership of a tenant."""

    def find(user: User, tenant: Tenant) -> Membership:
        with tenant_scope(tenant):
            return Membership.objects.select_related("user").get(user=user)

    return find
